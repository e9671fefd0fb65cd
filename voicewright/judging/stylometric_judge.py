"""The built-in judge: which of two texts lies closer to the author's profile. Needs no network.

It uses the same features as the voice report, so its votes alone are no independent evidence and never yield "deploy".
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from voicewright.core.records import content_id
from voicewright.judging.judges import Answer, PanelJudge, Position, Question, one_by_one
from voicewright.stylometry.profile import StyleProfile

POSITIONS: dict[str, Position] = {"x": "first", "y": "second", "tie": "tie"}
OPPOSITE: dict[Position, Position] = {"first": "second", "second": "first", "tie": "tie"}


def stylometric_judge(name: str, training_texts: Sequence[str]) -> PanelJudge:
    """A judge by the profile of the author's training passages. It answers the question on voice only."""
    author = StyleProfile.from_texts(training_texts)

    # The distance does not depend on the order: each pair of texts is measured once, in sorted order.
    @functools.cache
    def closer(x: str, y: str) -> Position:
        return POSITIONS[author.closer(x, y)]

    def ask(question: Question) -> Answer:
        if question.name != "voice":
            return Answer(None, error="the built-in judge answers the question on voice only")
        x, y = sorted((question.first, question.second))
        position = closer(x, y)
        return Answer(position if x == question.first else OPPOSITE[position])

    return PanelJudge(name, "built-in", ["stylometric", content_id(list(training_texts), 24)], one_by_one(ask))
