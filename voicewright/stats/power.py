"""How many prompts would settle a win rate that straddles its target."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from voicewright.stats.intervals import LEVEL

POWER = 0.8
# Beyond this the honest answer is that the two cannot be told apart by any votes a person would gather.
MOST_PROMPTS = 5000


def prompts_needed(
    prompt_means: Sequence[float], target: float, level: float = LEVEL, power: float = POWER
) -> int | None:
    """Prompts in all for the lower bound to clear `target` with probability `power`, if the rate and the spread
    between prompts are as seen so far; None where the rate is at or below the target or the number is absurd.
    """
    mean, spread = _moments(prompt_means)
    if mean is None or mean <= target:
        return None
    quantile = float(stats.norm.ppf(0.5 + level / 2))
    needed = math.ceil(
        ((quantile * _spread_at(target, mean, spread) + float(stats.norm.ppf(power)) * spread) / (mean - target)) ** 2
    )
    return needed if needed <= MOST_PROMPTS else None


def power_of(prompt_means: Sequence[float], n_prompts: int, target: float, level: float = LEVEL) -> float | None:
    """The probability that `n_prompts` put the lower bound above `target`, if the rate is the one seen so far."""
    mean, spread = _moments(prompt_means)
    if mean is None or n_prompts < 2:
        return None
    quantile = float(stats.t.ppf(0.5 + level / 2, n_prompts - 1))
    distance = (mean - target) * math.sqrt(n_prompts) - quantile * _spread_at(target, mean, spread)
    return float(stats.norm.cdf(distance / spread))


def _moments(prompt_means: Sequence[float]) -> tuple[float | None, float]:
    """Mean and standard deviation of the prompts, the latter never below that of one dissenting prompt."""
    if len(prompt_means) < 2:
        return None, 0.0
    means = np.asarray(prompt_means, dtype=float)
    return float(means.mean()), max(float(means.std(ddof=1)), 1 / math.sqrt(len(means)))


def _spread_at(rate: float, mean: float, spread: float) -> float:
    """The spread between prompts if the true rate were `rate`, votes clustering as they do now."""
    design = spread**2 / max(mean * (1 - mean), 0.25 / 100)
    return math.sqrt(min(design, 1.0) * rate * (1 - rate))
