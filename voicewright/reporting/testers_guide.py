"""testers.md: a guide for people who are to try a run's model, from what the run measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voicewright.core.documents.base import read_document, read_documents
from voicewright.core.documents.decision import Decision
from voicewright.core.documents.generation import Generation
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import write_text
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe

MAX_ANSWER_WORDS = 80


def write_guide(run: Run, prompts: int = 6) -> Path:
    """Write testers.md with the answers to so many prompts, and return its path. Raises UserError before `decide`."""
    rows_path = run.generations_path("finetuned")
    if not rows_path.exists() or not run.decision_path.exists():
        raise UserError(f"run {run.name!r} has no decision yet", hint=f"make decide RUN={run.name}")
    rows = select_answers(list(read_documents(rows_path, Generation)), prompts)
    path = run.dir / "testers.md"
    write_text(path, guide(recipes.load(run.name), rows, read_document(run.decision_path, Decision)))
    return path


def select_answers(rows: Sequence[Generation], count: int) -> list[Generation]:
    """The first answer to `count` prompts that are not held-out text, spread over their kinds."""
    by_kind: dict[str, list[Generation]] = {}
    for row in rows:
        if row.sample == 0 and row.domain != "heldout" and row.text.strip():
            by_kind.setdefault(row.domain, []).append(row)
    selected: list[Generation] = []
    for place in range(max(map(len, by_kind.values()), default=0)):
        selected += [each[place] for each in by_kind.values() if place < len(each)]
    return selected[:count]


def guide(recipe: Recipe, rows: Sequence[Generation], decision: Decision) -> str:
    """The guide as Markdown."""
    run, base = Run(recipe.run), recipe.axolotl["base_model"]
    adapter = recipe.axolotl.get("adapter")
    with_adapter = f"\n- the base model `{base}` with the adapter in `runs/{run.name}/adapter/`" if adapter else ""
    answers = "\n".join(f"**{row.prompt.strip()}**\n\n> {_shortened(row.text)}\n" for row in rows)
    return f"""# How to test {run.name}

Decision: {decision.sentence}

## What to load

{"Either of these; they are the same model:" if adapter else "The merged model:"}

- `merged_models/{run.name}/`{with_adapter}

`make serve RUN={run.name}` serves it on this machine, `make chat RUN={run.name}` shows it beside its base model.

## How to ask

- temperature 0.2 for plain answers to 0.7 for livelier ones, top-p 0.9
  (measured at {recipe.model.sampling.temperature:g} and {recipe.model.sampling.top_p:g})
- 128 to 512 tokens
- if it continues with a question of its own, stop at a newline

## Answers to expect

These answers were measured. Yours will have other words and should have the same style. If they do not, the wrong model
is loaded, or the right one with the wrong template.

{answers}
## Limits

- It states false things with confidence. Check what matters.
- It is no source on medicine, law or money: do not act on what it says about them, and do not offer it to people who
  might.
- It was trained on one person's writing and may repeat parts of it; the report says how much it copied.

## Licences

- the base model, `{base}`: {recipe.model.license}
- the training text: its author's; `runs/{run.name}/data/data_card.md` lists the sources
"""


def _shortened(text: str) -> str:
    words = text.split()
    return " ".join(words[:MAX_ANSWER_WORDS]) + (" ..." if len(words) > MAX_ANSWER_WORDS else "")
