"""Figures of merit of many splits: pooled, by author, with an interval over authors."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from voicewright.stylometry import verification_metrics
from voicewright.stylometry.features import Floats
from voicewright.stylometry.trials import Scores

RESAMPLES = 1000
LEVEL = 0.95


@dataclass
class Tally:
    """One measure at one length, split by split."""

    chances: list[tuple[list[str], Floats, Floats, Floats]] = field(default_factory=list)
    """Tested authors; chance (a, b) that a's positive beats b's negative; their numbers of positives, of negatives."""
    merits: list[dict[str, float]] = field(default_factory=list)

    def add(self, scores: Scores, tested: list[str], calibration: verification_metrics.Calibration) -> None:
        """Take in one split."""
        positives = [scores.positives(name) for name in tested]
        negatives = [np.sort(scores.negatives(name)) for name in tested]
        chances = np.array([[_beats(mine, theirs) for theirs in negatives] for mine in positives])
        counts = [np.array([len(part) for part in parts], dtype=float) for parts in (positives, negatives)]
        self.chances.append((tested, chances, counts[0], counts[1]))
        self.merits.append(
            verification_metrics.merits(
                calibration.probability(np.concatenate(positives)), calibration.probability(np.concatenate(negatives))
            )
        )

    def row(self, seed: int) -> dict[str, Any]:
        """The figures as JSON says them."""
        pooled = [_pooled(chances, n, m, np.ones(len(n))) for _, chances, n, m in self.chances]
        by_author: dict[str, list[float]] = defaultdict(list)
        for tested, chances, _, _ in self.chances:
            for i, name in enumerate(tested):
                by_author[name].append(float(chances[i, i]))
        means = {name: float(np.mean(found)) for name, found in sorted(by_author.items())}
        worst = min(means, key=lambda name: means[name])
        low, high = self._interval(sorted(means), seed)
        merits = {name: float(np.mean([found[name] for found in self.merits])) for name in self.merits[0]}
        return {
            "auc": float(np.mean(pooled)),
            "auc_low": low,
            "auc_high": high,
            "auc_sd": float(np.std(pooled)),
            "worst_auc": means[worst],
            "worst_author": worst,
            **merits,
            "authors": means,
        }

    def _interval(self, names: list[str], seed: int) -> tuple[float, float]:
        """Authors are resampled, with all that is theirs; a resample enters every split."""
        drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
        found = np.full((RESAMPLES, len(self.chances)), np.nan)
        for j, (tested, chances, n, m) in enumerate(self.chances):
            weights = drawn[:, [names.index(name) for name in tested]]
            for i, weight in enumerate(weights):
                if weight.sum() > 0:
                    found[i, j] = _pooled(chances, n, m, weight)
        low, high = np.nanquantile(np.nanmean(found, axis=1), [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
        return float(low), float(high)


def _beats(mine: Floats, theirs: Floats) -> float:
    below, to = np.searchsorted(theirs, mine, "left"), np.searchsorted(theirs, mine, "right")
    return float((below + to).mean() / 2 / len(theirs))


def _pooled(chances: Floats, n: Floats, m: Floats, weights: Floats) -> float:
    mine, theirs = weights * n, weights * m
    return float(mine @ chances @ theirs / (mine.sum() * theirs.sum()))
