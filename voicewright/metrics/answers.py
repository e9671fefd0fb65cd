"""Whether the arms answer at all, and at what length."""

from __future__ import annotations

import numpy as np

from voicewright.core import text as reading
from voicewright.core.documents.generation import Generation
from voicewright.metrics.material import Material
from voicewright.metrics.registry import MeasureValues, measure
from voicewright.stats import intervals
from voicewright.stylometry.features import Floats


@measure(
    name="empty",
    title="Empty answers",
    unit="percent of answers",
    better="lower",
    range=(0, 100),
    per="report",
)
def empty(material: Material) -> MeasureValues:
    """Share of requests that failed or got an answer without a word."""
    figures = {}
    for arm, rows in material.generations.items():
        n_words = _word_counts(rows)
        rate = intervals.wilson(float((n_words == 0).sum()), len(n_words))
        figures[arm] = intervals.measured(
            *(None if each is None else 100 * each for each in (rate.value, rate.low, rate.high))
        )
    return MeasureValues(figures)


@measure(name="length", title="Length of answers", unit="words", better="author", per="report")
def length(material: Material) -> MeasureValues:
    """Mean words per answer. The interval contains 95% of the answers."""
    figures = {}
    for arm, rows in material.generations.items():
        n_words = _word_counts(rows)
        low, high = np.quantile(n_words, [0.025, 0.975])
        figures[arm] = intervals.measured(float(n_words.mean()), float(low), float(high))
    return MeasureValues(figures)


def _word_counts(rows: list[Generation]) -> Floats:
    return np.array([len(reading.words(row.text)) for row in rows], dtype=float)
