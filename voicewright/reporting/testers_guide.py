"""A guide for people who are to try a model: RUN -> testers.md, from what the run measured.

python -m benchmarks.guide RUN prompts=6
"""

from __future__ import annotations

from voicewright.cli import arguments
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.core.records import Row, read_json, read_rows, write_text
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe

LONGEST_ANSWER_WORDS = 80


def sanity(rows: list[Row], count: int) -> list[Row]:
    """The first answer to `count` prompts of our own, spread over their kinds."""
    asked: dict[str, list[Row]] = {}
    for row in rows:
        if row["sample"] == 0 and row["domain"] != "heldout" and str(row["text"] or "").strip():
            asked.setdefault(str(row["domain"]), []).append(row)
    found: list[Row] = []
    for place in range(max(map(len, asked.values()), default=0)):
        found += [each[place] for each in asked.values() if place < len(each)]
    return found[:count]


def write(settings: Recipe, rows: list[Row], decision: Row) -> str:
    """The guide as Markdown."""
    run, base = Run(settings.run), settings.axolotl["base_model"]
    adapter = settings.axolotl.get("adapter")
    either = f"\n- the base `{base}` with the adapter in `runs/{run.name}/adapter/`" if adapter else ""
    asked = "\n".join(f"**{row['prompt'].strip()}**\n\n> {_short(str(row['text']))}\n" for row in rows)
    return f"""# For those who try {run.name}

What the measurements came to: {decision["sentence"]}

## What to load

Either of these, they are the same model:

- `merged_models/{run.name}/`{either}

`make serve RECIPE={settings.recipe} RUN={run.name}` serves it on this machine, `make chat` puts it beside its base.

## How to ask

- temperature 0.2 for plain answers to 0.7 for livelier ones, top-p 0.9
  (measured at {settings.model.sampling.temperature:g} and {settings.model.sampling.top_p:g})
- 128 to 512 tokens
- if it goes on with a question of its own, stop at a newline

## What it should say

Answers that were measured; yours will differ in their words, and should not in their manner. If they do, the wrong
model is loaded, or the right one with the wrong template.

{asked}
## What it is not

- It makes things up in a sure voice. Check what matters.
- It is no source on medicine, law or money: do not act on what it says there, and do not offer it to anybody who might.
- It learnt a manner from one person's words and may repeat some of them; the report says how much it copied.

## Licences

- the base, `{base}`: {settings.model.licence}
- the words it learnt from: their author's; `runs/{run.name}/data/data_card.md` lists the sources
"""


def _short(text: str) -> str:
    words = text.split()
    return " ".join(words[:LONGEST_ANSWER_WORDS]) + (" ..." if len(words) > LONGEST_ANSWER_WORDS else "")


@exits_cleanly
def main() -> None:
    target, options = arguments.parse(__doc__, {"prompts": "6"})
    settings = recipes.load(target)
    run = Run(settings.run)
    path = run.generations_path("finetuned")
    if not path.exists() or not run.decision_path.exists():
        raise UserError(f"run {run.name!r} has not come to a decision yet", hint=f"make all RECIPE={settings.recipe}")
    rows = sanity(list(read_rows(path)), int(options["prompts"] or 6))
    write_text(run.dir / "testers.md", write(settings, rows, read_json(run.decision_path)))
    print(f"wrote {run.dir / 'testers.md'}")


if __name__ == "__main__":
    main()
