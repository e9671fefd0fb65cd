"""Votes to preference pairs for the next round: RUN -> preferences.jsonl, a source for a recipe with `after: RUN`.

A pair is taken where readers and endpoint judges whose votes count prefer one text on voice by `margin` (0..1; 1 is
unanimity). The built-in judge's votes are left out: training on them would be training on the measure. Prompts made
from held-out text are left out, because the next round is measured on them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from voicewright.core.documents.base import read_document, write_documents
from voicewright.core.documents.judging import Pair, PreferenceRow, Rater, Verdict
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import content_id
from voicewright.core.rows import Message
from voicewright.judging.pairs import read_pairs
from voicewright.judging.votes import Opinion, latest_votes, opinions, read_votes

HELD_OUT = "heldout"


def preference_rows(
    pairs: Sequence[Pair], opinions: Sequence[Opinion], raters: Mapping[str, Rater], margin: float
) -> list[PreferenceRow]:
    """The pairs on which the independent raters whose votes count agree by `margin`, better text first."""
    scores: dict[str, list[float]] = defaultdict(list)
    for opinion in opinions:
        counts = opinion.rater in raters and raters[opinion.rater].counts
        if opinion.question == "voice" and opinion.score is not None and opinion.kind != "built-in" and counts:
            scores[opinion.pair].append(opinion.score)
    rows = []
    for pair in pairs:
        lean = 2 * sum(scores[pair.id]) / len(scores[pair.id]) - 1 if scores[pair.id] else 0.0
        if pair.domain == HELD_OUT or abs(lean) < margin or lean == 0:
            continue
        chosen, rejected = (pair.x, pair.y) if lean > 0 else (pair.y, pair.x)
        messages = [Message(role="user", content=pair.prompt)]
        replies = [Message(role="assistant", content=text) for text in (chosen, rejected)]
        payload = {
            "messages": [message.to_json() for message in messages],
            "chosen": replies[0].to_json(),
            "rejected": replies[1].to_json(),
        }
        rows.append(
            PreferenceRow(
                id=content_id(payload),
                source=f"blind pair {pair.id}",
                lean=abs(lean),
                messages=messages,
                chosen=replies[0],
                rejected=replies[1],
            )
        )
    return rows


def write_preferences(run: Run, margin: float = 0.5) -> list[PreferenceRow]:
    """Write a run's preference pairs. Raises UserError without a verdict, or where no pair is decided by `margin`."""
    if not run.verdict_path.exists():
        raise UserError(
            f"{run.verdict_path}: no such file; the verdict says whose votes count",
            hint=f"make verdict RUN={run.name}",
        )
    pairs = read_pairs(run.pairs_path)
    known = {pair.id for pair in pairs}
    votes = latest_votes(vote for vote in read_votes(run.votes_path) if vote.pair in known)
    raters = read_document(run.verdict_path, Verdict).raters
    rows = preference_rows(pairs, opinions(votes, pairs), raters, margin)
    if not rows:
        raise UserError(
            f"{run.votes_path}: on no pair outside the held-out prompts do the votes lean by {margin:g} or more",
            hint=f"make blind RUN={run.name} gathers more votes; "
            f"make preferences RUN={run.name} MARGIN=0.3 takes narrower decisions",
        )
    write_documents(run.preferences_path, rows)
    return rows
