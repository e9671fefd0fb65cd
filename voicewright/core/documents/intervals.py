"""A figure with its 95% interval, as every document holds it. `stats/intervals` makes them."""

from __future__ import annotations

from typing import Literal

from voicewright.core.documents.base import Document

Status = Literal["ok", "not identifiable", "not available"]
"""not identifiable: there is no scale to measure on. not available: there is nothing to measure."""


class Interval(Document):
    """A value and the ends of its interval; None where there is nothing to estimate them from."""

    value: float | None
    low: float | None
    high: float | None


class Rate(Interval):
    """A rate in 0..1, or a coefficient of agreement, and how much it rests on."""

    n_prompts: int
    """Units that are independent of each other: prompts, or pairs."""


class Figure(Interval):
    """A measure of the voice report, in its own unit, or the reason why there is none."""

    status: Status = "ok"
    why: str | None = None
    """Why there is no value."""

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return self.status == "ok"


class Agreement(Document):
    """How far raters agree: the raw share of agreeing pairs of ratings, and three coefficients corrected for chance."""

    raw: Rate
    fleiss: Rate
    alpha: Rate
    """Krippendorff's."""
    ac1: Rate
    """Gwet's."""
    n_units: int
    """Units with two ratings or more."""
    n_raters: int
