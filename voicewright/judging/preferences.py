"""Votes to preference pairs for the next round: RUN -> preferences.jsonl, a source for a recipe with `after: RUN`.

    python -m benchmarks.preferences RUN [margin=0.5]

A pair is taken where readers and endpoint judges whose votes count lean to one text on voice by `margin` (0..1; 1 is
unanimity). The built-in judge has no say: training on its votes would be training on the measure. Prompts made from
held-out text are left out, since the next round is measured on them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from voicewright.cli import arguments
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.core.records import Row, content_id, read_json, write_rows
from voicewright.judging import pairs as pair_files
from voicewright.judging import votes as vote_files
from voicewright.judging.votes import Opinion
from voicewright.recipe import recipes

HELD_OUT = "heldout"


def preferences(
    pairs: Sequence[Row], opinions: Sequence[Opinion], raters: Mapping[str, Any], margin: float
) -> list[Row]:
    """Rows {messages, chosen, rejected} of the pairs that were decided, each with the pair it came from."""
    scores: dict[str, list[float]] = defaultdict(list)
    for opinion in opinions:
        counts = raters.get(opinion.rater, {}).get("counts", False)
        independent = opinion.kind != "built-in" and counts
        if opinion.question == "voice" and opinion.score is not None and independent:
            scores[opinion.pair].append(opinion.score)
    rows = []
    for pair in pairs:
        lean = 2 * sum(scores[pair["id"]]) / len(scores[pair["id"]]) - 1 if scores[pair["id"]] else 0.0
        if pair["domain"] == HELD_OUT or abs(lean) < margin or lean == 0:
            continue
        better, worse = ("x", "y") if lean > 0 else ("y", "x")
        payload = {
            "messages": [{"role": "user", "content": pair["prompt"]}],
            "chosen": {"role": "assistant", "content": pair[better]},
            "rejected": {"role": "assistant", "content": pair[worse]},
        }
        rows.append({"id": content_id(payload), "source": f"blind pair {pair['id']}", "lean": abs(lean), **payload})
    return rows


@exits_cleanly
def main() -> None:
    name, options = arguments.parse(__doc__, {"margin": "0.5"})
    run = Run(name)
    if not run.verdict_path.exists():
        raise UserError(f"{run.verdict_path}: no verdict yet, so it is not known whose votes count",
                        hint=f"make verdict RECIPE={name}")  # fmt: skip
    pairs = pair_files.read(run.pairs_path)
    votes, _ = vote_files.read(run.votes_path, {pair["id"] for pair in pairs})
    raters = read_json(run.verdict_path)["raters"]
    rows = preferences(pairs, vote_files.opinions(votes, pairs), raters, float(options["margin"] or 0.5))
    if not rows:
        raise UserError("no pair outside the held-out prompts was decided clearly enough",
                        hint="margin=0.3 takes narrower decisions, make blind gathers more votes")  # fmt: skip
    out_path = run.dir / "preferences.jsonl"
    write_rows(out_path, rows)
    print(f"{len(rows)} preference pairs in {out_path}")
    settings = recipes.load(name)
    shape = f"data.sources.{next(iter(settings.data.sources))}.shape=preference"
    print("The next round:")
    print(f'  make all RECIPE={settings.recipe} RUN={name}-round2 SOURCE={out_path} '
          f'SET="method=dpo data=preference after={name} {shape}"')  # fmt: skip


if __name__ == "__main__":
    main()
