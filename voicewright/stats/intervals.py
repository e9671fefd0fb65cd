"""Intervals: of rates whose unit is the prompt, and of means and ratios that are resampled by cluster.

Votes on one prompt resemble one another, so judges and orders are averaged within a prompt first and a rate sees one
number for each prompt. Which interval of a rate covers at 20, 57 and 200 prompts: `decision/coverage_simulation.py`
measures it.

Everything that is resampled works the same way: a matrix of weights (1 + resamples, clusters), whose first row is the
sample itself, times sums of each cluster gives replicates (1 + resamples,) of a figure; the interval lies between their
percentiles.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from voicewright.core.documents.intervals import Figure, Rate, Status

Floats = NDArray[Any]

LEVEL = 0.95
# A nominal 95% interval of this kind lets 2.2 to 2.6% pass a target that equals the true rate, depending on how votes
# cluster. To deploy wrongly is the dearer mistake, so the lower end spends four fifths of its half of the error.
SPENT_BELOW, SPENT_ABOVE = 0.8, 1.0
RESAMPLES = 2000
SEED = 20
# The least share of resamples in which a measure, and a rate or coefficient of a verdict, must be defined.
MIN_DEFINED, MIN_DEFINED_RATE = 0.9, 0.5


def measured(value: float | None, low: float | None, high: float | None) -> Figure:
    """The interval of a measure."""
    return Figure(value=value, low=low, high=high, status="ok", why=None)


def unavailable(why: str, status: Status = "not available") -> Figure:
    """The interval of a measure that has no value, and the reason."""
    return Figure(value=None, low=None, high=None, status=status, why=why)


def score_bound(mean: float, n_effective: float, quantile: float) -> float:
    """Wilson's score bound of a mean in 0..1 worth `n_effective` yes/no answers; the lower for a negative quantile.

    Wilson (1927); with an effective size and Student's t, Korn and Graubard (1998), Kott and Liu (2009).
    """
    q2 = quantile**2
    centre = (mean + q2 / (2 * n_effective)) / (1 + q2 / n_effective)
    spread = mean * (1 - mean) / n_effective + q2 / (4 * n_effective**2)
    return min(max(centre + quantile * math.sqrt(max(spread, 0.0)) / (1 + q2 / n_effective), 0.0), 1.0)


def wilson(successes: float, n: int, level: float = LEVEL) -> Rate:
    """Wilson's interval for a proportion of `n` independent yes/no answers; `successes` may be fractional."""
    if n == 0:
        return Rate(value=None, low=None, high=None, n_prompts=0)
    quantile = float(stats.norm.ppf(0.5 + level / 2))
    rate = successes / n
    low, high = score_bound(rate, n, -quantile), score_bound(rate, n, quantile)
    return Rate(value=rate, low=low, high=high, n_prompts=n)


def clustered_rate(prompt_means: Sequence[float] | Floats, level: float = LEVEL) -> Rate:
    """The mean of one rate in 0..1 for each prompt, with a score interval that reflects the spread between prompts.

    The effective size is mean (1 - mean) / var(mean), the number of independent yes/no answers that would be as
    uncertain; where all prompts agree it is their number, so that ten wins in a row are no certainty. The quantile is
    Student's t on n - 1 degrees of freedom, with the error divided between the ends by SPENT_BELOW and SPENT_ABOVE.
    """
    means = np.asarray(prompt_means, dtype=float)
    n = len(means)
    if n == 0:
        return Rate(value=None, low=None, high=None, n_prompts=0)
    mean = float(means.mean())
    if n == 1:
        return Rate(value=mean, low=0.0, high=1.0, n_prompts=1)
    variance = float(means.var(ddof=1)) / n
    effective = mean * (1 - mean) / variance if variance > 1e-12 else float(n)
    below, above = (float(stats.t.ppf(1 - spent * (1 - level) / 2, n - 1)) for spent in (SPENT_BELOW, SPENT_ABOVE))
    low, high = score_bound(mean, effective, -below), score_bound(mean, effective, above)
    return Rate(value=mean, low=low, high=high, n_prompts=n)


def bootstrapped_rate(prompt_means: Sequence[float] | Floats, level: float = LEVEL) -> Rate:
    """The same mean with the percentile bootstrap over prompts: shown beside the other, too short below 50 prompts."""
    means = np.asarray(prompt_means, dtype=float)
    if len(means) == 0:
        return Rate(value=None, low=None, high=None, n_prompts=0)
    weights = resampling_weights(len(means), corrected=False)
    return percentile_rate(weights @ means / len(means), len(means), level)


def paired_difference(differences: Floats) -> Figure:
    """The mean of paired differences of right (100) and wrong (0) answers, in points: values -100, 0 or 100.

    Half a question won, half a question lost and one unchanged are added to the interval: without them a few questions
    on which nothing changed would have an interval of no width (Agresti and Min, Statistics in Medicine 24, 2005).
    """
    count = len(differences) + 2
    middle = float(differences.sum()) / count
    variance = (float((differences**2).sum()) + 100.0**2) / count - middle**2
    half = float(stats.t.ppf(0.5 + LEVEL / 2, count - 1)) * (variance / count) ** 0.5
    return measured(float(differences.mean()), middle - half, middle + half)


def resampling_weights(
    n_clusters: int, resamples: int = RESAMPLES, seed: int | np.random.Generator = SEED, *, corrected: bool
) -> Floats:
    """How often each cluster is drawn (1 + resamples, n_clusters), read-only; the first row is the sample itself.

    With `corrected`, fewer than n are drawn: n - 1 make the variance of a mean unbiased (Rao and Wu, JASA 1988), and
    fewer again by the square of the normal over Student's t quantile make up for how little a few clusters say of their
    spread. Simulated coverage of a nominal 95% at 5, 7, 12 and 20 clusters: .94, .94, .93, .94 (n - 1 alone: .88 to
    .93). Measures of the voice report are corrected; agreement and the second interval of a rate are not.
    """
    if isinstance(seed, int):
        return _seeded_weights(n_clusters, resamples, seed, corrected)
    if n_clusters < 2:
        return np.ones((1 + resamples, n_clusters))
    n_drawn = n_clusters
    if corrected:
        narrow = stats.norm.ppf(0.5 + LEVEL / 2) / stats.t.ppf(0.5 + LEVEL / 2, n_clusters - 1)
        n_drawn = max(2, round((n_clusters - 1) * narrow**2))
    drawn = seed.multinomial(n_drawn, np.full(n_clusters, 1 / n_clusters), size=resamples)
    return np.vstack([np.ones(n_clusters), drawn]).astype(float)


@functools.lru_cache(maxsize=8)
def _seeded_weights(n_clusters: int, resamples: int, seed: int, corrected: bool) -> Floats:
    # Drawing takes longer than using what was drawn, and many figures rest on as many clusters.
    weights = resampling_weights(n_clusters, resamples, np.random.default_rng(seed), corrected=corrected)
    weights.flags.writeable = False
    return weights


def resampled_means(values: Floats, clusters: NDArray[np.int64], weights: Floats) -> Floats:
    """The mean of `values` (n,) in every resample (1 + resamples,); NaN where none of the values was drawn.

    `clusters` (n,) names the cluster of each value, a column of `weights`. A value of NaN is left out.
    """
    defined = np.isfinite(values)
    drawn = weights[:, clusters[defined]]
    with np.errstate(invalid="ignore"):
        return np.asarray(drawn @ values[defined] / drawn.sum(axis=1))


def percentiles(resampled: Floats, min_defined: float, level: float = LEVEL) -> tuple[float, float] | None:
    """The bounds between which `level` of the resampled figures lie; None where fewer than `min_defined` are finite."""
    defined = resampled[np.isfinite(resampled)]
    if len(defined) == 0 or len(defined) < min_defined * len(resampled):
        return None
    low, high = np.quantile(defined, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def percentile_figure(replicates: Floats) -> Figure:
    """The interval of a measure from its replicates, of which the first is the sample's own value."""
    if len(replicates) == 0 or not np.isfinite(replicates[0]):
        return unavailable("nothing to measure")
    bounds = percentiles(replicates[1:], MIN_DEFINED)
    return measured(float(replicates[0]), *bounds) if bounds else unavailable("too little text for an interval")


def percentile_rate(replicates: Floats, n_prompts: int, level: float = LEVEL) -> Rate:
    """The interval of a rate or coefficient from its replicates; one without bounds where few resamples define it."""
    if len(replicates) == 0 or not np.isfinite(replicates[0]):
        return Rate(value=None, low=None, high=None, n_prompts=n_prompts)
    low, high = percentiles(replicates[1:], MIN_DEFINED_RATE, level) or (None, None)
    return Rate(value=float(replicates[0]), low=low, high=high, n_prompts=n_prompts)


def calibrated_score(base: Floats, arm: Floats, heldout: Floats) -> Figure:
    """S = 100 (base - arm) / (base - heldout) of replicates of mean distances.

    "not identifiable" when the denominator's interval contains 0: the author's own text is then no closer than
    the base.
    """
    gap = percentile_figure(base - heldout)
    if gap.value is None or gap.low is None or gap.high is None:
        return unavailable(gap.why or "nothing to measure")
    if gap.low <= 0:
        return unavailable(
            f"the author's own held-out text is not clearly closer to the author than the base model is "
            f"({gap.value:.3f}, {gap.low:.3f} to {gap.high:.3f}): there is no scale to measure on",
            "not identifiable",
        )
    # A resample whose denominator comes near 0 would throw the ratio to infinity; few do, as the interval shows.
    return percentile_figure(100 * (base - arm) / np.where(base - heldout > 0.1 * gap.value, base - heldout, np.nan))


def share_of_level(arm: Floats, heldout: Floats) -> Figure:
    """The arm's mean in percent of the author's own held-out level, from replicates of both."""
    level = percentile_figure(heldout)
    if level.value is None or level.low is None:
        return unavailable(level.why or "nothing to measure")
    if level.low <= 0:
        return unavailable("the author's own held-out text does not show it", "not identifiable")
    return percentile_figure(100 * arm / heldout)
