"""Readers' ballots: reading, checking and merging them into a run's votes.

A ballot that does not fit is named and adds nothing; the others are counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from voicewright.core.documents.base import read_document
from voicewright.core.documents.judging import Ballot, BallotVote, Packet, Vote
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.judging.votes import VoteLog

FNV_OFFSET, FNV_PRIME, FNV_MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True)
class MergedBallot:
    """A ballot whose votes were counted."""

    file: str
    reader: str
    n_votes: int


def checksum(packet: str, reader: str, votes: Sequence[BallotVote], comments: Mapping[str, str]) -> str:
    """The checksum that packet.js writes: 64-bit FNV-1a over the lines of a ballot. It finds accidental edits only."""
    lines = [packet, reader]
    lines += ["\t".join((vote.pair, vote.question, vote.order, vote.vote, str(vote.ms))) for vote in votes]
    lines += [f"{pair}\t{json.dumps(comments[pair], ensure_ascii=False)}" for pair in sorted(comments)]
    total = FNV_OFFSET
    for byte in "\n".join(lines).encode("utf-8", "surrogatepass"):
        total = ((total ^ byte) * FNV_PRIME) & FNV_MASK
    return f"{total:016x}"


def read_ballot(text: str, name: str) -> Ballot:
    """A ballot from a file's text, or from a mail into which it was pasted. Raises UserError in one sentence."""
    start, end = text.find("{"), text.rfind("}")
    try:
        ballot = Ballot.model_validate_json(text[start : end + 1])
    except ValidationError:
        raise UserError(f"{name}: not a ballot: expected the JSON that the packet's last page gives") from None
    if ballot.checksum != checksum(ballot.packet, ballot.reader, ballot.votes, ballot.comments):
        raise UserError(
            f"{name}: the ballot was changed after it was saved (its checksum does not fit), so none of it "
            "is counted; ask the reader to save it again"
        )
    return ballot


def new_votes(ballot: Ballot, packets: Mapping[str, Packet], earlier: Sequence[Vote], name: str) -> list[Vote]:
    """The votes that a ballot adds to the `earlier` ones; `packets` are the run's, by id.

    A later ballot of the same reader may add answers. Raises UserError where the ballot is of another run's packet,
    answers a question that the packet does not ask, adds nothing, or contradicts an earlier ballot of the same reader.
    """
    packet = packets.get(ballot.packet)
    if packet is None:
        known = ", ".join(packet_id[:8] for packet_id in packets)
        raise UserError(
            f"{name}: a ballot for packet {ballot.packet[:8]}, which does not belong to this run (it has {known})"
        )
    questions = {(pair.id, question.name) for pair in packet.pairs for question in packet.questions}
    judge = f"reader-{ballot.reader}"
    for answer in ballot.votes:
        if (answer.pair, answer.question) not in questions:
            raise UserError(f"{name}: answers a question that the packet does not ask: {answer.to_json()}")
    if len({(answer.pair, answer.question) for answer in ballot.votes}) < len(ballot.votes):
        raise UserError(f"{name}: answers a question twice")
    answered = {(vote.pair, vote.question): vote.vote for vote in earlier if vote.judge == judge}
    changed = [a for a in ballot.votes if answered.get((a.pair, a.question), a.vote) != a.vote]
    if changed:
        raise UserError(
            f"{name}: reader {ballot.reader} has handed in another ballot with other answers to {len(changed)} "
            "questions; only the first ballot of a reader counts"
        )
    votes = [
        Vote(
            pair=answer.pair,
            judge=judge,
            kind="reader",
            question=answer.question,
            order=answer.order,
            vote=answer.vote,
            reason=ballot.comments.get(answer.pair),
            ms=answer.ms,
        )
        for answer in ballot.votes
        if (answer.pair, answer.question) not in answered
    ]
    if not votes:
        raise UserError(f"{name}: this ballot is counted already" if ballot.votes else f"{name}: an empty ballot")
    return votes


def merge_ballots(run: Run, paths: Sequence[Path] = ()) -> tuple[list[MergedBallot], list[str]]:
    """Append the votes of ballots to blind/votes.jsonl; without `paths`, of those handed in to the served page.

    Returns the ballots that were counted, and a sentence for each one that does not fit. Raises UserError where the run
    has no readers' packet or there are no ballots.
    """
    packets = {path.stem: read_document(path, Packet) for path in sorted(run.packets_dir.glob("*.json"))}
    if not packets:
        raise UserError(f"{run.blind_dir}: this run has no readers' packet", hint=f"make blind RUN={run.name}")
    paths = paths or sorted(run.ballots_dir.glob("*.json"))
    if not paths:
        raise UserError(
            f"{run.ballots_dir}: no ballots; name the files that readers sent back",
            hint=f"make ballots RUN={run.name} FILES=a.json,b.json",
        )
    merged: list[MergedBallot] = []
    problems: list[str] = []
    with VoteLog(run.votes_path) as log:
        for path in paths:
            try:
                if not path.is_file():
                    raise UserError(f"{path}: no such file")
                ballot = read_ballot(path.read_text(encoding="utf-8", errors="replace"), path.name)
                votes = new_votes(ballot, packets, log.votes, path.name)
            except UserError as error:
                problems += error.problems
                continue
            for vote in votes:
                log.append(vote)
            merged.append(MergedBallot(path.name, ballot.reader, len(votes)))
    return merged, problems
