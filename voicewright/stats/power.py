"""How many prompts a win rate needs whose interval holds its target."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from voicewright.stats.intervals import LEVEL

POWER = 0.8
# A person would not gather more votes than that: the answer is then that the rate cannot be told from the target.
MAX_PROMPTS = 5000


def prompts_needed(
    prompt_means: Sequence[float], target: float, level: float = LEVEL, power: float = POWER
) -> int | None:
    """Prompts in all for the lower bound to exceed `target` with probability `power`.

    It is assumed that the rate and the spread between prompts stay as they are. None where the rate is at or below the
    target, or where more than MAX_PROMPTS are needed.
    """
    mean, spread = _moments(prompt_means)
    if mean is None or mean <= target:
        return None
    quantile = float(stats.norm.ppf(0.5 + level / 2))
    needed = math.ceil(
        ((quantile * _spread_at(target, mean, spread) + float(stats.norm.ppf(power)) * spread) / (mean - target)) ** 2
    )
    return needed if needed <= MAX_PROMPTS else None


def power_of(prompt_means: Sequence[float], n_prompts: int, target: float, level: float = LEVEL) -> float | None:
    """The probability that `n_prompts` put the lower bound above `target`, if the rate stays as it is."""
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
