"""What the votes say, with intervals: RUN -> blind/verdict.json, or any files in the same format.

Pairs: {"id", "x", "y"} and, if known, "prompt_id" (the unit of inference) and "domain".
Votes: {"pair", "judge", "vote": "x" | "y" | "tie" | null} and, if known, "kind", "question", "order".
Key: {"id", "x", "y"}, the arm behind each text; without one the rates are of x against y.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from voicewright.core.documents.base import read_document, write_document
from voicewright.core.documents.judging import JudgeQualification, JudgeQualifications, Pair, PairKey, Verdict, Vote
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import Run
from voicewright.judging.pairs import Key, read_key, read_pairs
from voicewright.judging.tally import tally
from voicewright.judging.votes import latest_votes, opinions, read_votes


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
    are not counted. `looks`: how often the verdict is looked at in all; intervals are widened accordingly.
    """
    key = key or {pair.id: PairKey(id=pair.id, x="x", y="y") for pair in pairs}
    ids = {pair.id for pair in pairs}
    counted = latest_votes(vote for vote in votes if vote.pair in ids)
    verdict = tally(pairs, key, opinions(counted, pairs), qualifications or {}, looks)
    for name, rater in verdict.raters.items():
        rater.usd = sum((vote.usd or 0.0 for vote in counted if vote.judge == name), 0.0)
    verdict.votes = len(counted)
    verdict.votes_on_unknown_pairs = sum(vote.pair not in ids for vote in votes)
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
    if verdict.votes_on_unknown_pairs:
        n_votes = verdict.votes_on_unknown_pairs
        notice(f"{n_votes} votes are on pairs that are not in {pairs_path.name}; they are not counted")
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
