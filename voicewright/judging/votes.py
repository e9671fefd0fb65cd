"""Votes read back, checked, and both orders of a judge made one opinion."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voicewright.core.errors import UserError
from voicewright.core.records import Row, read_rows

VOTES = ("x", "y", "tie", None)
SCORE = {"x": 1.0, "tie": 0.5, "y": 0.0}
# reader: a person; judge: a model behind an endpoint; built-in: ours, from the features the voice report uses.
KINDS = ("reader", "judge", "built-in")


@dataclass(frozen=True)
class Opinion:
    """What one rater holds of one pair on one question.

    `score` is 1 for x, 0 for y, 0.5 for a tie or for two orders that contradict one another, None when unscored.
    `flipped` is None where there were not two scored orders to compare.
    """

    pair: str
    rater: str
    kind: str
    question: str
    score: float | None
    flipped: bool | None = None
    first_rate: float | None = None
    """Share of the orders in which the text shown first won; None without a decided vote."""


def read(votes_path: Path, pair_ids: set[str]) -> tuple[list[Row], int]:
    """The votes of a file, each (judge, question, pair, order) once, and how many speak of pairs that are not there.

    A later vote takes the place of an earlier one, save that an unscored one never takes a scored one's.
    """
    if not votes_path.exists():
        raise UserError(f"{votes_path}: no votes there", hint="make judge RECIPE=<name>, or name a file with votes=")
    whole: list[Row] = []
    problems: list[str] = []
    strangers = 0
    for number, row in enumerate(_whole_rows(votes_path), 1):
        row = {"kind": "judge", "question": "voice", "order": "xy", **row}
        missing = [field for field in ("pair", "judge") if not isinstance(row.get(field), str)]
        wrong = [
            f"{field} {row.get(field)!r} (expected one of {', '.join(map(str, allowed))})"
            for field, allowed in (("vote", VOTES), ("kind", KINDS), ("order", ("xy", "yx")))
            if row.get(field, "absent") not in allowed
        ]
        if missing or wrong:
            problems.append(f"{votes_path}: row {number}: " + "; ".join([*(f"no {m}" for m in missing), *wrong]))
            continue
        if row["pair"] not in pair_ids:
            strangers += 1
            continue
        whole.append(row)
    if problems:
        raise UserError(problems[:20])
    return latest(whole), strangers


def latest(rows: Sequence[Row]) -> list[Row]:
    """One row a (judge, question, pair, order): the last, save that an unscored one never replaces a scored one."""
    kept: dict[tuple[str, str, str, str], Row] = {}
    for row in rows:
        key = (row["judge"], row["question"], row["pair"], row["order"])
        if row["vote"] is not None or key not in kept or kept[key]["vote"] is None:
            kept[key] = row
    return list(kept.values())


def _whole_rows(path: Path) -> list[Row]:
    """The rows of a file that somebody may be appending to: a last row that is torn is passed over."""
    text = path.read_text(encoding="utf-8")
    last = text[text.rfind("\n") + 1 :]
    if last.strip():
        try:
            json.loads(last)
        except json.JSONDecodeError:
            lines = text[: len(text) - len(last)].splitlines()
            return [json.loads(line) for line in lines if line.strip()]
    return list(read_rows(path))


def opinions(rows: Sequence[Row], pairs: Sequence[Row]) -> list[Opinion]:
    """One opinion a (rater, question, pair).

    A machine judge owes an opinion on every pair in both orders, and is unscored where either lacks; a judge that
    was never asked in the second order, and a reader, who sees a pair once, is taken at the one order.
    """
    seen: dict[tuple[str, str, str], dict[str, dict[str, str | None]]] = {}
    for row in rows:
        seen.setdefault((row["judge"], row["kind"], row["question"]), {}).setdefault(row["pair"], {})[row["order"]] = (
            row["vote"]
        )
    found = []
    for (rater, kind, question), by_pair in seen.items():
        both = kind != "reader" and len({order for votes in by_pair.values() for order in votes}) == 2
        owed = [pair["id"] for pair in pairs] if kind != "reader" else list(by_pair)
        found += [_opinion(pair, rater, kind, question, by_pair.get(pair, {}), both) for pair in owed]
    return found


def _opinion(pair: str, rater: str, kind: str, question: str, votes: dict[str, str | None], both: bool) -> Opinion:
    scored = {order: vote for order, vote in votes.items() if vote is not None}
    firsts = [float(vote == order[0]) for order, vote in scored.items() if vote != "tie"]
    first_rate = sum(firsts) / len(firsts) if firsts else None
    if not scored or (both and len(scored) < 2):
        return Opinion(pair, rater, kind, question, None, None, first_rate)
    answers = list(scored.values())
    flipped = answers[0] != answers[1] if both else None
    score = 0.5 if flipped else SCORE[str(answers[0])]
    return Opinion(pair, rater, kind, question, score, flipped, first_rate)
