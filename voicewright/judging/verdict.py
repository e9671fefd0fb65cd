"""What the votes say, with intervals: RUN -> blind/verdict.json, or any files in the same format.

    python -m benchmarks.verdict RUN
    python -m benchmarks.verdict pairs=pairs.jsonl votes=votes.jsonl [key=key.jsonl] [out=verdict.json] [looks=1]

Pairs: {"id", "x", "y"} and, if known, "prompt_id" (the unit of inference) and "domain".
Votes: {"pair", "judge", "vote": "x" | "y" | "tie" | null} and, if known, "kind", "question", "order".
Key: {"id", "x", "y"}, the arm behind each text; without one the rates are of x against y.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from voicewright.cli import arguments
from voicewright.core.errors import exits_cleanly, notice
from voicewright.core.paths import Run
from voicewright.core.records import read_json, write_json
from voicewright.judging import pairs as pair_files
from voicewright.judging import votes as vote_files
from voicewright.judging.tally import tally
from voicewright.recipe import recipes


def verdict(
    pairs_path: Path, votes_path: Path, key_path: Path | None, court: dict[str, Any], looks: int
) -> dict[str, Any]:
    """The verdict on three files. Raises UserError for rows that do not fit the format or a key that was changed."""
    pairs = pair_files.read(pairs_path)
    key = pair_files.read_key(key_path, pairs) if key_path else {pair["id"]: ("x", "y") for pair in pairs}
    votes, strangers = vote_files.read(votes_path, {pair["id"] for pair in pairs})
    if strangers:
        notice(f"{strangers} votes speak of pairs that are not in {pairs_path.name} and are left out")
    document = tally(pairs, key, vote_files.opinions(votes, pairs), court, looks)
    for name, rater in document["raters"].items():
        rater["usd"] = sum(float(vote.get("usd", 0)) for vote in votes if vote["judge"] == name)
    return {**document, "votes": len(votes), "strangers": strangers}


def summary(document: dict[str, Any]) -> str:
    """The verdict in a few lines of plain words."""
    lines = []
    for comparison in document["comparisons"]:
        for question, found in comparison["questions"].items():
            rate = found["deciding"]
            said = (
                "no scored votes"
                if rate["value"] is None
                else (
                    f"{rate['value']:.1%} ({rate['low']:.1%} to {rate['high']:.1%}) over {rate['n_prompts']} prompts"
                    + ("" if rate["independent"] else ", built-in judge only")
                )
            )
            lines.append(f"{question}: {comparison['a']} over {comparison['b']} {said}")
    lines += [
        f"{name}: does not count, {rater['why']}" for name, rater in document["raters"].items() if not rater["counts"]
    ]
    return "\n".join(lines or ["no votes yet"])


@exits_cleanly
def main() -> None:
    options: dict[str, str | None] = {"pairs": None, "votes": None, "key": None, "out": None, "looks": None}
    by_files = not any("=" not in word for word in sys.argv[1:])
    name, options = arguments.parse(__doc__, options, name=None if by_files and len(sys.argv) > 1 else "RUN")
    run = Run(name)
    pairs_path = Path(options["pairs"] or run.pairs_path)
    votes_path = Path(options["votes"] or run.votes_path)
    beside = pairs_path.with_name("key.jsonl")
    key_path = Path(options["key"]) if options["key"] else beside if beside.exists() else None
    court_path = run.court_path
    court = read_json(court_path)["judges"] if name and court_path.exists() else {}
    looks = int(options["looks"] or (recipes.load(name).blind.looks if name else 1))
    document = verdict(pairs_path, votes_path, key_path, court, looks)
    out_path = (
        Path(options["out"]) if options["out"] else run.verdict_path if name else votes_path.with_name("verdict.json")
    )
    write_json(out_path, document)
    print(summary(document))
    print(out_path)


if __name__ == "__main__":
    main()
