"""The built-in judge: which of two texts lies closer to the author's profile. Needs no network.

It uses the same features as the voice report, so the two are one witness, and alone it never yields "deploy".
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import profile
from benchmarks.judges import Answer, Ask, Asker

CHOICES = {"x": "first", "y": "second", "tie": "tie"}


def stylometric_judge(training_texts: Sequence[str]) -> Asker:
    """A judge by the profile of the author's training passages. It answers on voice alone."""
    author = profile.build(training_texts)

    def ask(question: Ask) -> Answer:
        if question.question != "voice":
            return Answer(None, error="the built-in judge answers on voice alone")
        return Answer(CHOICES[profile.closer(author, question.first, question.second)])

    return ask
