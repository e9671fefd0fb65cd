"""Votes: reading and appending them, and forming one opinion of a judge's two orders."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from voicewright.core.documents.base import parse, parse_lines
from voicewright.core.documents.judging import Choice, Order, Pair, RaterKind, Vote
from voicewright.core.errors import UserError
from voicewright.core.records import Appender

SCORE: dict[Choice, float] = {"x": 1.0, "tie": 0.5, "y": 0.0}


@dataclass(frozen=True)
class Opinion:
    """One rater's answer to one question on one pair.

    `score` is 1 for x, 0 for y, 0.5 for a tie or for two orders that contradict one another, None when unscored.
    `flipped` is None where there were not two scored orders to compare.
    """

    pair: str
    rater: str
    kind: RaterKind
    question: str
    score: float | None
    flipped: bool | None = None
    first_rate: float | None = None
    """Share of the orders in which the text shown first won; None without a decided vote."""


class VoteLog:
    """An append-only file of votes, flushed vote by vote; `votes` holds the earlier ones as well."""

    def __init__(self, path: Path) -> None:
        self._file = Appender(path)
        self.votes = [parse(Vote, row, str(path)) for row in self._file.rows]

    def append(self, vote: Vote) -> None:
        self._file.append(vote.to_json())
        self.votes.append(vote)

    def __enter__(self) -> VoteLog:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()


def read_votes(votes_path: Path) -> list[Vote]:
    """The votes of a file. Raises UserError naming every row that does not fit.

    Somebody may be appending to the file: a last row that is torn is passed over.
    """
    if not votes_path.exists():
        raise UserError(f"{votes_path}: no such file")
    lines = votes_path.read_text(encoding="utf-8").split("\n")
    try:
        json.loads(lines[-1] or "null")
    except json.JSONDecodeError:
        lines.pop()
    return parse_lines(Vote, lines, votes_path)


def latest_votes(votes: Iterable[Vote]) -> list[Vote]:
    """One vote a (judge, question, pair, order): the last, but an unscored one never replaces a scored one."""
    latest: dict[tuple[str, str, str, str], Vote] = {}
    for vote in votes:
        key = (vote.judge, vote.question, vote.pair, vote.order)
        if vote.vote is not None or key not in latest or latest[key].vote is None:
            latest[key] = vote
    return list(latest.values())


def opinions(votes: Iterable[Vote], pairs: Sequence[Pair]) -> list[Opinion]:
    """One opinion per (rater, question, pair), from one vote per order.

    A machine judge owes an opinion on every pair in both orders, and is unscored where either lacks; a judge that
    was never asked in the second order, and a reader, who sees a pair once, is taken at the one order.
    """
    votes_of: dict[tuple[str, RaterKind, str], dict[str, dict[Order, Choice | None]]] = {}
    for vote in votes:
        by_pair = votes_of.setdefault((vote.judge, vote.kind, vote.question), {})
        by_pair.setdefault(vote.pair, {})[vote.order] = vote.vote
    result = []
    for (rater, kind, question), by_pair in votes_of.items():
        both = kind != "reader" and len({order for orders in by_pair.values() for order in orders}) == 2
        owed = [pair.id for pair in pairs] if kind != "reader" else list(by_pair)
        result += [_opinion(pair, rater, kind, question, by_pair.get(pair, {}), both) for pair in owed]
    return result


def _opinion(
    pair: str, rater: str, kind: RaterKind, question: str, votes: dict[Order, Choice | None], both: bool
) -> Opinion:
    scored = {order: vote for order, vote in votes.items() if vote is not None}
    firsts = [float(vote == order[0]) for order, vote in scored.items() if vote != "tie"]
    first_rate = sum(firsts) / len(firsts) if firsts else None
    if not scored or (both and len(scored) < 2):
        return Opinion(pair, rater, kind, question, None, None, first_rate)
    answers = list(scored.values())
    flipped = answers[0] != answers[1] if both else None
    score = 0.5 if flipped else SCORE[answers[0]]
    return Opinion(pair, rater, kind, question, score, flipped, first_rate)
