"""Phrases that language models over-use, against the author's own rate."""

from __future__ import annotations

from voicewright.metrics.diversity import slop as read

__all__ = ["read"]

TITLE = "Machine phrases"
UNIT = "per 1,000 words"
BETTER = "author"
