"""Readers' ballots: read, checked, turned into votes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicewright.core.errors import UserError
from voicewright.core.records import Row

FNV_OFFSET, FNV_PRIME, FNV_MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True)
class Ballot:
    """One reader's answers on one packet."""

    packet: str
    reader: str
    votes: list[Row]
    comments: dict[str, str]


def checksum(packet: str, reader: str, votes: Sequence[Row], comments: dict[str, str]) -> str:
    """What packet.js computes: FNV-1a, 64 bits, over the lines of a ballot. It finds slips, not forgery."""
    lines = [packet, reader]
    lines += ["\t".join(str(vote[field]) for field in ("pair", "question", "order", "vote", "ms")) for vote in votes]
    lines += [f"{pair}\t{json.dumps(comments[pair], ensure_ascii=False)}" for pair in sorted(comments)]
    total = FNV_OFFSET
    for byte in "\n".join(lines).encode("utf-8", "surrogatepass"):
        total = ((total ^ byte) * FNV_PRIME) & FNV_MASK
    return f"{total:016x}"


def read(text: str, name: str) -> Ballot:
    """A ballot from a file's text, or from a mail into which it was pasted. Raises UserError in one sentence."""
    start, end = text.find("{"), text.rfind("}")
    try:
        found: Any = json.loads(text[start : end + 1])
        ballot = Ballot(str(found["packet"]), str(found["reader"]), list(found["votes"]), dict(found["comments"]))
        computed = checksum(ballot.packet, ballot.reader, ballot.votes, ballot.comments)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{name}: not a ballot: expected the JSON that the packet's last page gives") from None
    if computed != found.get("sum"):
        raise UserError(
            f"{name}: the ballot was changed after it was saved (its checksum does not fit), so none of it "
            "is counted; ask the reader to save it again"
        )
    return ballot


def new_votes(ballot: Ballot, packets: Mapping[str, dict[str, Any]], votes: Sequence[Row], name: str) -> list[Row]:
    """The rows that a ballot adds to the votes already there; `packets` are this run's, by id.

    A fuller ballot of the same reader adds what is new. Raises UserError where it is of another packet, answers what
    was not asked, holds nothing new, or contradicts what the same reader said before.
    """
    packet = packets.get(ballot.packet)
    if packet is None:
        known = ", ".join(i[:8] for i in packets)
        raise UserError(f"{name}: a ballot for packet {ballot.packet[:8]}, which is not of this run (it has {known})")
    asked = {(pair["id"], question["name"]) for pair in packet["pairs"] for question in packet["questions"]}
    judge = f"reader-{ballot.reader}"
    rows: list[Row] = []
    for vote in ballot.votes:
        if (
            (vote["pair"], vote["question"]) not in asked
            or vote["vote"] not in ("x", "y", "tie")
            or vote["order"] not in ("xy", "yx")
        ):
            raise UserError(f"{name}: answers something the packet did not ask: {vote}")
        comment = ballot.comments.get(vote["pair"])
        rows.append(
            {
                "pair": vote["pair"],
                "judge": judge,
                "kind": "reader",
                "question": vote["question"],
                "order": vote["order"],
                "vote": vote["vote"],
                "reason": comment,
                "ms": vote["ms"],
            }
        )
    if len({(row["pair"], row["question"]) for row in rows}) < len(rows):
        raise UserError(f"{name}: answers a question twice")
    before = {(row["pair"], row["question"]): row["vote"] for row in votes if row["judge"] == judge}
    changed = [row for row in rows if before.get((row["pair"], row["question"]), row["vote"]) != row["vote"]]
    if changed:
        raise UserError(
            f"{name}: reader {ballot.reader} has handed in another ballot, which says otherwise on "
            f"{len(changed)} questions; one ballot a reader counts, the first"
        )
    fresh = [row for row in rows if (row["pair"], row["question"]) not in before]
    if not fresh:
        raise UserError(f"{name}: this ballot is counted already" if rows else f"{name}: an empty ballot")
    return fresh
