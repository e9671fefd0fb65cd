"""Length: cutting the texts of a pair to the same number of words, and measuring whether the longer one wins anyway."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voicewright.core.documents.judging import LengthBias
from voicewright.core.text import cut_points, tidy
from voicewright.stats.intervals import (
    RESAMPLES,
    SEED,
    Floats,
    clustered_rate,
    percentile_rate,
    resampling_weights,
)

# A cut to nearly equal lengths must leave this share of the shorter text.
MIN_SHARE = 0.6

# Keeps the slope finite where the longer text always wins; worth 0.01 votes of information.
RIDGE = 0.01
STEPS = 25


def to_equal_words(first: str, second: str, max_words: int) -> tuple[str, str]:
    """Both texts cut at a sentence end, at most 5% apart in words where that leaves most of the shorter one.

    Where it does not, 10%, then 20% apart; failing that, as long as can be. ("", "") when either has no words.
    """
    first, second = tidy(first), tidy(second)
    ends_first, ends_second = cut_points(first, max_words), cut_points(second, max_words)
    if not ends_first or not ends_second:
        return "", ""
    reach = min(ends_first[-1][0], ends_second[-1][0])
    cut = (ends_first[-1][1], ends_second[-1][1])
    for tolerance in (0.05, 0.1, 0.2):
        near = [
            (min(a, b), end_a, end_b)
            for a, end_a in ends_first
            for b, end_b in ends_second
            if abs(a - b) <= tolerance * max(a, b)
        ]
        longest = max(near, default=(0, 0, 0))
        if longest[0] >= MIN_SHARE * reach:
            cut = longest[1:]
            break
    return first[: cut[0]].rstrip(), second[: cut[1]].rstrip()


def length_bias(
    scores: Sequence[float],
    words_a: Sequence[int],
    words_b: Sequence[int],
    prompts: Sequence[str],
    level: float,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> LengthBias:
    """Whether the longer text wins, and the win rate at equal length: diagnostics that decide nothing.

    `scores` (opinions,) are of text a, 0..1; `words_a`, `words_b` (opinions,) the lengths of the two texts.
    longer_wins: among decided opinions on texts of unequal length, the share that went to the longer.
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
    return LengthBias(longer_wins=clustered_rate(rates, level), length_adjusted=adjusted)


def _rates_at_equal_length(score: Floats, ratio: Floats, weights: Floats) -> Floats:
    """The rate in every resample (resamples,), by Newton's method; `weights` is (resamples, opinions)."""
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
