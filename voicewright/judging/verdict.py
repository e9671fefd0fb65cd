"""What the votes say, with intervals: RUN -> blind/verdict.json, or any files in the same format.

    python -m benchmarks.verdict RUN
    python -m benchmarks.verdict pairs=pairs.jsonl votes=votes.jsonl [key=key.jsonl] [out=verdict.json] [looks=1]

Pairs: {"id", "x", "y"} and, if known, "prompt_id" (the unit of inference) and "domain".
Votes: {"pair", "judge", "vote": "x" | "y" | "tie" | null} and, if known, "kind", "question", "order".
Key: {"id", "x", "y"}, the arm behind each text; without one the rates are of x against y.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from voicewright.cli import arguments
from voicewright.core.documents.base import read_document, write_document
from voicewright.core.documents.judging import JudgeQualification, JudgeQualifications, Pair, PairKey, Verdict, Vote
from voicewright.core.errors import UserError, exits_cleanly, notice
from voicewright.core.paths import Run
from voicewright.judging.pairs import Key, read_key, read_pairs
from voicewright.judging.tally import tally
from voicewright.judging.votes import latest_votes, opinions, read_votes
from voicewright.recipe import recipes


def verdict_from(
    pairs: Sequence[Pair],
    votes: Sequence[Vote],
    key: Key | None = None,
    *,
    qualifications: Mapping[str, JudgeQualification] | None = None,
    looks: int = 1,
) -> Verdict:
    """The verdict of votes on pairs. Without a `key`, the win rates are of text x over text y.

    Of several votes of one judge on the same pair, question and order, the last scored one counts; votes on other pairs
    are counted in `strangers`. `looks`: how often the verdict is looked at in all; intervals are widened accordingly.
    """
    key = key or {pair.id: PairKey(id=pair.id, x="x", y="y") for pair in pairs}
    ids = {pair.id for pair in pairs}
    counted = latest_votes(vote for vote in votes if vote.pair in ids)
    verdict = tally(pairs, key, opinions(counted, pairs), qualifications or {}, looks)
    for name, rater in verdict.raters.items():
        rater.usd = sum((vote.usd or 0.0 for vote in counted if vote.judge == name), 0.0)
    verdict.votes = len(counted)
    verdict.strangers = sum(vote.pair not in ids for vote in votes)
    return verdict


def verdict_of_files(
    pairs_path: Path,
    votes_path: Path,
    key_path: Path | None = None,
    *,
    qualifications: Mapping[str, JudgeQualification] | None = None,
    looks: int = 1,
) -> Verdict:
    """The verdict of three files. Raises UserError for rows that do not fit, or a key that was changed."""
    pairs = read_pairs(pairs_path)
    key = read_key(key_path, pairs) if key_path else None
    verdict = verdict_from(pairs, read_votes(votes_path), key, qualifications=qualifications, looks=looks)
    if verdict.strangers:
        notice(f"{verdict.strangers} votes are on pairs that are not in {pairs_path.name}; they are not counted")
    return verdict


def verdict_of_run(run: Run, looks: int) -> Verdict:
    """Compute and write a run's verdict. Raises UserError as `verdict_of_files` does, and without votes."""
    if not run.votes_path.exists():
        raise UserError(f"{run.votes_path}: no such file", hint=f"make judge RUN={run.name}")
    path = run.qualification_path
    qualifications = read_document(path, JudgeQualifications).judges if path.exists() else None
    verdict = verdict_of_files(run.pairs_path, run.votes_path, run.key_path, qualifications=qualifications, looks=looks)
    write_document(run.verdict_path, verdict)
    return verdict


def summary(verdict: Verdict) -> str:
    """The verdict in a few lines."""
    lines = []
    for comparison in verdict.comparisons:
        for question, result in comparison.questions.items():
            rate = result.deciding
            figure = "no scored votes"
            if rate.value is not None:
                figure = f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%}) over {rate.n_prompts} prompts"
                figure += "" if rate.independent else ", built-in judge only"
            lines.append(f"{question}: {comparison.a} over {comparison.b} {figure}")
    lines += [f"{name}: does not count, {rater.why}" for name, rater in verdict.raters.items() if not rater.counts]
    return "\n".join(lines or ["no votes yet"])


@exits_cleanly
def main() -> None:
    options: dict[str, str | None] = {"pairs": None, "votes": None, "key": None, "out": None, "looks": None}
    by_files = not any("=" not in word for word in sys.argv[1:])
    name, options = arguments.parse(__doc__, options, name=None if by_files and len(sys.argv) > 1 else "RUN")
    if name:
        run = Run(name)
        verdict = verdict_of_run(run, int(options["looks"] or recipes.load(name).blind.looks))
        out_path = run.verdict_path
    else:
        pairs_path, votes_path = Path(options["pairs"] or "pairs.jsonl"), Path(options["votes"] or "votes.jsonl")
        key_path = Path(options["key"] or pairs_path.with_name("key.jsonl"))
        key = key_path if options["key"] or key_path.exists() else None
        verdict = verdict_of_files(pairs_path, votes_path, key, looks=int(options["looks"] or 1))
        out_path = Path(options["out"] or votes_path.with_name("verdict.json"))
        write_document(out_path, verdict)
    print(summary(verdict))
    print(out_path)


if __name__ == "__main__":
    main()
