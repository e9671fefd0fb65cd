"""The built-in judge: which of two texts lies closer to the author's profile. Needs no network.

It uses the same features as the voice report, so the two are one witness, and alone it never yields "deploy".
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from voicewright.judging.judges import Answer, Ask, Asker
from voicewright.stylometry import profile

CHOICES = {"x": "first", "y": "second", "tie": "tie"}
TURNED = {"first": "second", "second": "first", "tie": "tie"}


def stylometric_judge(training_texts: Sequence[str]) -> Asker:
    """A judge by the profile of the author's training passages. It answers on voice alone."""
    author = profile.build(training_texts)

    # Distance knows no order, so the second order is answered from the first: sorted, then turned back.
    @functools.cache
    def nearer(x: str, y: str) -> str:
        return CHOICES[profile.closer(author, x, y)]

    def ask(question: Ask) -> Answer:
        if question.question != "voice":
            return Answer(None, error="the built-in judge answers on voice alone")
        x, y = sorted((question.first, question.second))
        choice = nearer(x, y)
        return Answer(choice if x == question.first else TURNED[choice])

    return ask
