"""Does the longer text win, and what would the rate be at equal length? Diagnostics, never what decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from voicewright.stats.intervals import (
    RESAMPLES,
    SEED,
    Floats,
    clustered_rate,
    percentile_rate,
    resampling_weights,
)

# Keeps the slope finite where the longer text always wins; 0.01 prior votes' worth of information.
RIDGE = 0.01
STEPS = 25


def diagnose(
    scores: Sequence[float],
    words_a: Sequence[int],
    words_b: Sequence[int],
    prompts: Sequence[str],
    level: float,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Any]:
    """`scores` are of text a, 0..1. Returns longer_wins and length_adjusted, each value, low, high, n_prompts.

    longer_wins: among decided votes on texts of unequal length, the share that went to the longer.
    length_adjusted: the rate at equal length by a logistic regression on log(words a / words b).
    """
    ratio = np.log(np.maximum(words_a, 1) / np.maximum(words_b, 1))
    score = np.asarray(scores, dtype=float)
    numbers: dict[str, int] = {}
    groups = np.array([numbers.setdefault(prompt, len(numbers)) for prompt in prompts])
    decided = (score != 0.5) & (ratio != 0)
    longer = ((score > 0.5) == (ratio > 0)).astype(float)
    rates = [longer[decided & (groups == group)].mean() for group in np.unique(groups[decided])]
    weights = resampling_weights(len(numbers), resamples, seed, corrected=False)
    adjusted = percentile_rate(_rates_at_equal_length(score, ratio, weights[:, groups]), len(numbers), level)
    return {"longer_wins": clustered_rate(rates, level).to_json(), "length_adjusted": adjusted.to_json()}


def _rates_at_equal_length(score: Floats, ratio: Floats, weights: Floats) -> Floats:
    """Newton's method on every resample at once; `weights` is (resamples, votes). Returns one rate a resample."""
    intercept, slope = np.zeros(len(weights)), np.zeros(len(weights))
    for _ in range(STEPS):
        fitted = 1 / (1 + np.exp(-np.clip(intercept[:, None] + slope[:, None] * ratio, -30, 30)))
        residual, curvature = weights * (score - fitted), weights * fitted * (1 - fitted)
        g0, g1 = residual.sum(axis=1) - RIDGE * intercept, (residual * ratio).sum(axis=1) - RIDGE * slope
        h00, h01 = curvature.sum(axis=1) + RIDGE, (curvature * ratio).sum(axis=1)
        h11 = (curvature * ratio**2).sum(axis=1) + RIDGE
        determinant = h00 * h11 - h01**2
        step0, step1 = (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
        intercept, slope = intercept + np.clip(step0, -5, 5), slope + np.clip(step1, -5, 5)
    rates: Floats = 1 / (1 + np.exp(-intercept))
    return rates
