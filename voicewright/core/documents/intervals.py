"""A figure with its interval, as several documents hold it."""

from __future__ import annotations

from voicewright.core.documents.base import Document


class Estimate(Document):
    """A rate in 0..1 with its 95% interval; all None where there was nothing to estimate it from."""

    value: float | None
    low: float | None
    high: float | None
    n_prompts: int
    """The number of units (prompts or pairs) that it rests on."""
