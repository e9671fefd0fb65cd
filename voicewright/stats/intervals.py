"""Intervals for rates whose unit is the prompt, not the vote.

Votes on one prompt resemble one another, so judges and orders are averaged within a prompt first
and everything here sees one number a prompt. Which form of interval covers at 20, 57 and 200
prompts was settled by `benchmarks.simulate`, whose table is in that module.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

LEVEL = 0.95
# A nominal 95% interval of this kind lets 2.2 to 2.6% pass a target that equals the true rate, depending on how votes
# cluster. To deploy wrongly is the dearer mistake, so the lower end spends four fifths of its half of the error.
SPENT_BELOW, SPENT_ABOVE = 0.8, 1.0
RESAMPLES = 2000
SEED = 20


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% interval; rates are in 0..1; None where there is nothing to estimate from."""

    value: float | None
    low: float | None
    high: float | None
    n_prompts: int

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


NOTHING = Estimate(None, None, None, 0)


def score_bound(mean: float, n_effective: float, quantile: float) -> float:
    """Wilson's score bound of a mean in 0..1 worth `n_effective` yes/no answers; the lower for a negative quantile.

    Wilson (1927); with an effective size and Student's t, Korn and Graubard (1998), Kott and Liu (2009).
    """
    q2 = quantile**2
    centre = (mean + q2 / (2 * n_effective)) / (1 + q2 / n_effective)
    spread = mean * (1 - mean) / n_effective + q2 / (4 * n_effective**2)
    return min(max(centre + quantile * math.sqrt(max(spread, 0.0)) / (1 + q2 / n_effective), 0.0), 1.0)


def wilson(successes: float, n: int, level: float = LEVEL) -> Estimate:
    """Wilson's interval for a proportion of `n` independent yes/no answers."""
    if n == 0:
        return NOTHING
    quantile = float(stats.norm.ppf(0.5 + level / 2))
    rate = successes / n
    return Estimate(rate, score_bound(rate, n, -quantile), score_bound(rate, n, quantile), n)


def clustered_rate(prompt_means: Sequence[float] | Floats, level: float = LEVEL) -> Estimate:
    """The mean of one rate in 0..1 a prompt, with a score interval that knows the spread between prompts.

    The effective size is mean (1 - mean) / var(mean), the number of independent yes/no answers that
    would be as uncertain; where all prompts agree it is their number, so a run of wins never gives a
    certainty. The quantile is Student's t on n - 1 degrees of freedom, with the error spent as above.
    """
    means = np.asarray(prompt_means, dtype=float)
    n = len(means)
    if n == 0:
        return NOTHING
    mean = float(means.mean())
    if n == 1:
        return Estimate(mean, 0.0, 1.0, 1)
    variance = float(means.var(ddof=1)) / n
    effective = mean * (1 - mean) / variance if variance > 1e-12 else float(n)
    below, above = (float(stats.t.ppf(1 - spent * (1 - level) / 2, n - 1)) for spent in (SPENT_BELOW, SPENT_ABOVE))
    return Estimate(mean, score_bound(mean, effective, -below), score_bound(mean, effective, above), n)


def bootstrapped_rate(prompt_means: Sequence[float] | Floats, level: float = LEVEL) -> Estimate:
    """The same mean with the percentile bootstrap over prompts: shown beside the other, too short below 50 prompts."""
    means = np.asarray(prompt_means, dtype=float)
    if len(means) == 0:
        return NOTHING
    return percentile_interval(resampling_weights(len(means)) @ means / len(means), len(means), level)


def resampling_weights(n: int, resamples: int = RESAMPLES, seed: int = SEED) -> Floats:
    """How often each of `n` prompts is drawn: (1 + resamples, n); the first row is the sample itself."""
    if n == 0:
        return np.zeros((1, 0))
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return np.vstack([np.ones(n), draws]).astype(float)


def percentile_interval(replicates: Floats, n_prompts: int, level: float = LEVEL) -> Estimate:
    """First replicate is the sample's own figure, the rest its resamples; undefined ones are left out."""
    if len(replicates) == 0 or not np.isfinite(replicates[0]):
        return Estimate(None, None, None, n_prompts)
    kept = replicates[1:][np.isfinite(replicates[1:])]
    if len(kept) < len(replicates) / 2:
        return Estimate(float(replicates[0]), None, None, n_prompts)
    low, high = np.quantile(kept, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(float(replicates[0]), float(low), float(high), n_prompts)
