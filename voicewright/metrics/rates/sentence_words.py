"""Mean words of a sentence."""

from __future__ import annotations

from voicewright.metrics.diversity import sentence_words as read

__all__ = ["read"]

TITLE = "Sentence length"
UNIT = "words"
BETTER = "author"
