"""Mean words of a paragraph."""

from __future__ import annotations

from voicewright.metrics.diversity import paragraph_words as read

__all__ = ["read"]

TITLE = "Paragraph length"
UNIT = "words"
BETTER = "author"
