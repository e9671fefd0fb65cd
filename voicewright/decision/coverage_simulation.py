"""Do the intervals cover, and how often is a model at exactly the target deployed? A simulation to see for oneself.

    python -m benchmarks.simulate [runs=2000] [seed=1] [out=simulation.json]

Each prompt has its own leaning towards one arm, each judge its own severity and its own view of each prompt, and
whichever text is shown first gains a little: 3 judges in 2 orders, inconsistent orders a tie. `leaning` is the
spread of prompts in log-odds; 0.8, 1.6 and 2.8 make 6 votes a prompt worth about 3, 2 and 1.3 independent ones.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from rich.console import Console
from rich.table import Table
from scipy.optimize import brentq
from scipy.special import expit

from voicewright.cli import arguments
from voicewright.core.errors import exits_cleanly
from voicewright.core.records import write_json
from voicewright.decision.targets import interval_outcome
from voicewright.stats.intervals import LEVEL, Floats, bootstrapped_rate, clustered_rate

SEVERITY = np.array([-0.3, 0.0, 0.3])
SIZES = (20, 57, 200)
TARGET = 0.6
RATES = (0.5, TARGET, 0.75)
LOOKS = 3


@dataclass(frozen=True)
class World:
    """How votes come about, in log-odds."""

    leaning: float
    view: float = 0.5
    position: float = 0.3
    tie: float = 0.05


WORLDS = (World(0.8), World(1.6), World(2.8))


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
    return float(brentq(lambda m: true_rate(m, world) - rate, -30, 30))


def votes(generator: np.random.Generator, n_prompts: int, rate: float, world: World) -> Floats:
    """Scores 1, 0.5, 0 of shape (prompts, judges, orders) whose expectation by the rules of the verdict is `rate`."""
    leaning = middle_at(rate, world) + SEVERITY + generator.normal(0, world.leaning, (n_prompts, 1))
    leaning = leaning + generator.normal(0, world.view, (n_prompts, len(SEVERITY)))
    shown = np.stack([leaning + world.position, leaning - world.position], axis=2)
    scores = (generator.random(shown.shape) < expit(shown)).astype(float)
    scores[generator.random(shown.shape) < world.tie] = 0.5
    return np.asarray(scores)


def prompt_means(scores: Floats) -> Floats:
    """Votes to one number a prompt, as the verdict does it: two orders that differ are a tie."""
    consistent = np.where(scores[:, :, 0] == scores[:, :, 1], scores[:, :, 0], 0.5)
    means: Floats = consistent.mean(axis=1)
    return means


def cell(runs: int, seed: int, n_prompts: int, rate: float, world: World) -> dict[str, Any]:
    """Coverage of three intervals, and how often the target is passed: at one look, and at any of three."""
    covered, naive_covered, bootstrap_covered, passed, passed_in_looks = 0, 0, 0, 0, 0
    for run in range(runs):
        scores = votes(np.random.default_rng([seed, run, n_prompts]), n_prompts, rate, world)
        means = prompt_means(scores)
        found = clustered_rate(means)
        low, high = float(found.low or 0), float(found.high or 0)
        covered += low <= rate <= high
        passed += interval_outcome(low, high, TARGET) == "pass"
        naive = 1.96 * np.sqrt(means.mean() * (1 - means.mean()) / scores.size)
        naive_covered += abs(means.mean() - rate) <= naive
        bootstrap = bootstrapped_rate(means) if run % 4 == 0 else None
        bootstrap_covered += bootstrap is not None and (bootstrap.low or 0) <= rate <= (bootstrap.high or 0)
        looks = (clustered_rate(means[: n_prompts * k // LOOKS], 1 - (1 - LEVEL) / LOOKS) for k in range(1, LOOKS + 1))
        passed_in_looks += any((look.low or 0) > TARGET for look in looks)
    return {
        "leaning": world.leaning,
        "prompts": n_prompts,
        "rate": rate,
        "coverage": covered / runs,
        "coverage_bootstrap": bootstrap_covered / ((runs + 3) // 4),
        "coverage_naive": naive_covered / runs,
        "passed": passed / runs,
        "passed_in_three_looks": passed_in_looks / runs,
    }


@exits_cleanly
def main() -> None:
    _, options = arguments.parse(__doc__, {"runs": "2000", "seed": "1", "out": None}, name=None)
    runs, seed = int(options["runs"] or 0), int(options["seed"] or 0)
    cells = [cell(runs, seed, n, rate, world) for world in WORLDS for rate in RATES for n in SIZES]
    table = Table(title=f"{runs} runs a row, 3 judges, 2 orders, target {TARGET:.0%}; shares in percent")
    for name in cells[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in cells:
        table.add_row(*(f"{100 * v:.1f}" if k[:4] in ("cove", "pass") else f"{v:g}" for k, v in row.items()))
    Console().print(table)
    if options["out"]:
        write_json(Path(options["out"]), {"runs": runs, "seed": seed, "cells": cells})


if __name__ == "__main__":
    main()
