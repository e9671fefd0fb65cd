"""A simulation of the verdict: do the intervals cover, and how often is a model whose rate equals the target deployed?

Each prompt leans towards one arm by its own amount, each judge has a severity and a view of each prompt of its own, and
the text shown first has a small advantage: 3 judges in 2 orders, contradicting orders are a tie. `leaning` is the
spread of prompts in log-odds; 0.8, 1.6 and 2.8 make 6 votes a prompt worth about 3, 2 and 1.3 independent ones.
"""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from rich.table import Table
from scipy.optimize import brentq
from scipy.special import expit

from voicewright.decision.targets import interval_outcome
from voicewright.stats.intervals import LEVEL, Floats, bootstrapped_rate, clustered_rate

SEVERITY = np.array([-0.3, 0.0, 0.3])
SIZES = (20, 57, 200)
TARGET = 0.6
RATES = (0.5, TARGET, 0.75)
LOOKS = 3
# The bootstrap is slow: it is computed in every fourth run.
BOOTSTRAP_EVERY = 4


@dataclass(frozen=True)
class World:
    """How votes come about, in log-odds."""

    leaning: float
    """Standard deviation of the prompts' leaning towards one arm."""
    view: float = 0.5
    """Standard deviation of each judge's view of each prompt."""
    position: float = 0.3
    """Advantage of the text shown first."""
    tie: float = 0.05
    """Share of votes that are a tie."""


WORLDS = (World(0.8), World(1.6), World(2.8))


@dataclass(frozen=True)
class Coverage:
    """Shares of simulated verdicts, by the leaning of a world, the number of prompts and the true rate."""

    leaning: float
    prompts: int
    rate: float
    coverage: float
    """Of the interval that the verdict uses."""
    coverage_bootstrap: float
    coverage_naive: float
    """Of an interval that treats votes as independent."""
    passed: float
    """Verdicts above TARGET."""
    passed_in_three_looks: float
    """Verdicts above TARGET at any of three looks, each at a third of the error."""


def true_rate(middle: float, world: World) -> float:
    """The expected score of a prompt, by Gauss-Hermite quadrature; two orders that differ score half."""
    nodes, weights = hermegauss(80)
    total = 0.0
    for severity in SEVERITY:
        leaning = middle + severity + np.hypot(world.leaning, world.view) * nodes
        first, second = expit(leaning + world.position), expit(leaning - world.position)
        both = (1 - world.tie) ** 2 * (first * second - (1 - first) * (1 - second))
        total += float(np.sum(weights * (0.5 + 0.5 * both)) / weights.sum())
    return total / len(SEVERITY)


@functools.cache
def middle_at(rate: float, world: World) -> float:
    """The log-odds of an average prompt at which the true rate is `rate`."""
    return float(brentq(lambda middle: true_rate(middle, world) - rate, -30, 30))


def draw_votes(rng: np.random.Generator, n_prompts: int, rate: float, world: World) -> Floats:
    """Scores 1, 0.5, 0 of shape (prompts, judges, orders) whose expectation by the rules of the verdict is `rate`."""
    leaning = middle_at(rate, world) + SEVERITY + rng.normal(0, world.leaning, (n_prompts, 1))
    leaning = leaning + rng.normal(0, world.view, (n_prompts, len(SEVERITY)))
    by_order = np.stack([leaning + world.position, leaning - world.position], axis=2)
    scores = (rng.random(by_order.shape) < expit(by_order)).astype(float)
    scores[rng.random(by_order.shape) < world.tie] = 0.5
    return np.asarray(scores)


def prompt_means(scores: Floats) -> Floats:
    """The mean score of each prompt (prompts,), as the verdict computes it: two orders that differ are a tie."""
    consistent = np.where(scores[:, :, 0] == scores[:, :, 1], scores[:, :, 0], 0.5)
    return np.asarray(consistent.mean(axis=1))


def simulate(runs: int, seed: int, n_prompts: int, rate: float, world: World) -> Coverage:
    """Coverage of three intervals, and how often the target is passed: at one look, and at any of three."""
    covered = covered_naive = covered_bootstrap = passed = passed_in_looks = 0
    for run in range(runs):
        scores = draw_votes(np.random.default_rng([seed, run, n_prompts]), n_prompts, rate, world)
        means = prompt_means(scores)
        interval = clustered_rate(means)
        low, high = float(interval.low or 0), float(interval.high or 0)
        covered += low <= rate <= high
        passed += interval_outcome(low, high, TARGET) == "pass"
        naive = 1.96 * np.sqrt(means.mean() * (1 - means.mean()) / scores.size)
        covered_naive += bool(abs(means.mean() - rate) <= naive)
        if run % BOOTSTRAP_EVERY == 0:
            bootstrap = bootstrapped_rate(means)
            covered_bootstrap += (bootstrap.low or 0) <= rate <= (bootstrap.high or 0)
        looks = (clustered_rate(means[: n_prompts * k // LOOKS], 1 - (1 - LEVEL) / LOOKS) for k in range(1, LOOKS + 1))
        passed_in_looks += any((look.low or 0) > TARGET for look in looks)
    return Coverage(
        leaning=world.leaning,
        prompts=n_prompts,
        rate=rate,
        coverage=covered / runs,
        coverage_bootstrap=covered_bootstrap / -(-runs // BOOTSTRAP_EVERY),
        coverage_naive=covered_naive / runs,
        passed=passed / runs,
        passed_in_three_looks=passed_in_looks / runs,
    )


def simulate_all(runs: int = 2000, seed: int = 1) -> list[Coverage]:
    """The simulation for every world, rate and number of prompts."""
    return [simulate(runs, seed, n, rate, world) for world in WORLDS for rate in RATES for n in SIZES]


def table_of(rows: list[Coverage], runs: int) -> Table:
    """The simulation as a table."""
    table = Table(title=f"{runs} runs a row, 3 judges, 2 orders, target {TARGET:.0%}; shares in percent")
    for name in asdict(rows[0]):
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        cells = asdict(row).items()
        table.add_row(*(f"{100 * v:.1f}" if k.startswith(("coverage", "passed")) else f"{v:g}" for k, v in cells))
    return table
