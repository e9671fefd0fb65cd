"""Different words among any hundred that follow one another (moving-average type-token ratio)."""

from __future__ import annotations

from voicewright.metrics.diversity import mattr as read

__all__ = ["read"]

TITLE = "Variety of words"
UNIT = "0 to 1"
BETTER = "author"
