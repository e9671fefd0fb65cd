"""How likely each arm finds the author's held-out text."""

from __future__ import annotations

import numpy as np

from voicewright.core.documents.voice_report import Reference
from voicewright.metrics.material import Material
from voicewright.metrics.registry import MeasureValues, measure
from voicewright.metrics.samples import BASE
from voicewright.stats import intervals


@measure(
    name="bits_per_character",
    title="Bits per character",
    unit="bits per character",
    better="lower",
    per="report",
)
def bits_per_character(material: Material) -> MeasureValues:
    """Negative log-likelihood of the author's held-out text in bits, divided by its characters. It depends neither on
    generated text nor on the tokenizer.
    """
    rows = material.likelihoods
    shared = sorted(set.intersection(*(set(by_id) for by_id in rows.values()))) if rows else []
    weights = intervals.resampling_weights(len(shared), material.resamples, material.seed, corrected=True)
    replicates, figures = {}, {}
    for arm, by_id in rows.items():
        bits = np.array([by_id[row].bits for row in shared])
        characters = np.array([float(by_id[row].chars) for row in shared])
        if characters.sum() == 0:
            figures[arm] = intervals.unavailable("no held-out passage was scored by every arm")
            continue
        replicates[arm] = (weights @ bits) / np.maximum(weights @ characters, 1.0)
        figures[arm] = intervals.percentile_figure(replicates[arm])
    gains = {
        arm: intervals.percentile_figure(replicates[BASE] - each)
        for arm, each in replicates.items()
        if arm != BASE and BASE in replicates
    }
    return MeasureValues(figures, Reference(gain_over_base=gains))
