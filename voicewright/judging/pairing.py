"""Pair the fine-tuned model's texts with other arms', blind: RUN -> blind/pairs.jsonl and blind/key.jsonl.

python -m benchmarks.pair RUN [versus=finetuned:baseline,finetuned:author]
"""

from __future__ import annotations

from voicewright.cli import arguments
from voicewright.core.documents.generation import OUT_OF_DOMAIN
from voicewright.core.errors import UserError, exits_cleanly, notice
from voicewright.core.paths import Run
from voicewright.core.records import Row, read_json, read_rows, write_json, write_rows
from voicewright.judging import pairs
from voicewright.recipe import recipes


def read_arm(run: Run, arm: str) -> list[Row]:
    """An arm's generations; `author` is the true continuation of each held-out opening."""
    if arm == pairs.AUTHOR:
        return pairs.author_arm(read_arm(run, "finetuned"))
    path = run.generations_path(arm)
    if not path.exists():
        raise UserError(
            f"{path}: arm {arm!r} has no generations",
            hint=f"python -m benchmarks.generate {run.name} arm={arm}",
        )
    # Code and sums show what was forgotten; whose voice it is cannot be heard in them.
    return [row for row in read_rows(path) if row["domain"] not in OUT_OF_DOMAIN]


@exits_cleanly
def main() -> None:
    name, options = arguments.parse(__doc__, {"versus": None})
    run, settings = Run(name), recipes.load(name)
    if options["versus"]:
        versus = [(a, b) for a, _, b in (word.partition(":") for word in options["versus"].split(","))]
    else:
        versus = [
            ("finetuned", arm)
            for arm in settings.blind.against
            if arm == settings.blind.against[0] or run.generations_path(arm).exists() or arm == pairs.AUTHOR
        ]
    shape = read_json(run.stats_path)["format"]["shape"] if run.stats_path.exists() else "completion"
    heldout_path = run.rows_path(shape, "heldout")
    made = pairs.make(
        {arm: read_arm(run, arm) for arm in sorted({arm for both in versus for arm in both})},
        versus,
        list(read_rows(heldout_path)) if heldout_path.exists() else [],
        list(read_rows(run.key_path)) if run.key_path.exists() else [],
        max_words=settings.blind.max_words,
        references=settings.blind.references,
        seed=settings.blind.seed,
    )
    if not made.pairs:
        raise UserError(
            f"{run.generations_dir}: no two arms share a prompt with text enough to judge",
            hint=f"make generate RUN={name}",
        )
    # What counts as success is written down before the first vote, and stays.
    targets_path = run.targets_path
    if not targets_path.exists() or not run.votes_path.exists():
        write_json(targets_path, settings.targets.model_dump())
    # The key first: its hash is in every pair, so no vote can come before the commitment.
    write_rows(run.key_path, made.key)
    write_rows(run.pairs_path, made.pairs)
    write_json(
        run.blind_dir / "pairing.json",
        {"pairs": len(made.pairs), "versus": [list(v) for v in versus], "left_out": made.left_out},
    )
    if made.left_out:
        notice(f"{len(made.left_out)} pairs left out, first: {made.left_out[0]['why']} (blind/pairing.json has all)")
    print(f"{len(made.pairs)} pairs in {run.pairs_path}, key committed as {made.pairs[0]['key_sha256'][:12]}")


if __name__ == "__main__":
    main()
