"""Words that lie in a four-word sequence which the passage has already had: a model that loops is far above the
author.
"""

from __future__ import annotations

from voicewright.metrics.diversity import repetition as read

__all__ = ["read"]

TITLE = "Repetition"
UNIT = "percent of words"
BETTER = "lower"
