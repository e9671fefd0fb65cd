"""Chance-corrected agreement between raters, each with a prompt-clustered bootstrap interval.

Every coefficient here is a function of sums over the rated units, so a resample of prompts is one
matrix product: weights (resamples, prompts) times sums (prompts, features).
Formulas: Cohen (1960), Fleiss (1971), Krippendorff (2011, nominal), Gwet (2008, AC1); with missing
ratings Fleiss and AC1 take the forms of Gwet (2014), where a unit with one rating still counts
towards how common each answer is, but not towards agreement.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from voicewright.core.documents.intervals import Agreement, Rate
from voicewright.stats.intervals import RESAMPLES, SEED, Floats, percentile_rate, resampling_weights

Ratings = Sequence[Sequence[Hashable | None]]


def cohen(
    first: Sequence[Hashable | None],
    second: Sequence[Hashable | None],
    prompts: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Rate:
    """Cohen's kappa of two raters over the units both rated."""
    both = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a is not None and b is not None]
    labels = sorted({first[i] for i in both} | {second[i] for i in both}, key=str)
    index = {label: k for k, label in enumerate(labels)}
    groups = _groups(prompts if prompts is not None else range(len(first)), both)
    tables = np.zeros((max(groups, default=-1) + 1, len(labels), len(labels)))
    for group, i in zip(groups, both, strict=True):
        tables[group, index[first[i]], index[second[i]]] += 1
    weights = resampling_weights(len(tables), resamples, seed, corrected=False)
    summed = np.tensordot(weights, tables, axes=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = summed / summed.sum(axis=(1, 2), keepdims=True)
        observed = np.trace(shares, axis1=1, axis2=2)
        expected = (shares.sum(axis=2) * shares.sum(axis=1)).sum(axis=1)
        kappa = (observed - expected) / (1 - expected)
    return percentile_rate(kappa, len(tables))


def agreement(
    ratings: Ratings, prompts: Sequence[Hashable] | None = None, resamples: int = RESAMPLES, seed: int = SEED
) -> Agreement:
    """Agreement of any number of raters; `ratings` is (units, raters), None where a rating is missing.

    `prompts` names the cluster of each unit (default: each its own).
    """
    rated = [i for i, unit in enumerate(ratings) if any(r is not None for r in unit)]
    labels = sorted({r for i in rated for r in ratings[i] if r is not None}, key=str)
    index = {label: k for k, label in enumerate(labels)}
    groups = _groups(prompts if prompts is not None else range(len(ratings)), rated)
    n_groups = max(groups, default=-1) + 1
    counts = np.zeros((len(rated), len(labels)))
    for row, i in enumerate(rated):
        for rating in ratings[i]:
            if rating is not None:
                counts[row, index[rating]] += 1
    raters = counts.sum(axis=1)
    paired = raters >= 2
    safe = np.where(paired, raters, 2)
    agreeing = np.where(paired, (counts * (counts - 1)).sum(axis=1) / (safe * (safe - 1)), 0.0)
    features = np.column_stack(
        [
            paired,
            agreeing,
            np.ones(len(rated)),
            counts / np.maximum(raters, 1)[:, None],
            np.where(paired, raters, 0),
            np.where(paired, agreeing * raters, 0),
            counts * paired[:, None],
        ]
    )
    sums = np.zeros((n_groups, features.shape[1]))
    np.add.at(sums, groups, features)
    figures = _coefficients(resampling_weights(n_groups, resamples, seed, corrected=False) @ sums, len(labels))
    raw, fleiss, alpha, ac1 = (percentile_rate(figure, n_groups) for figure in figures)
    width = max((len(unit) for unit in ratings), default=0)
    return Agreement(raw=raw, fleiss=fleiss, alpha=alpha, ac1=ac1, n_units=int(paired.sum()), n_raters=width)


def _coefficients(sums: Floats, k: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Raw agreement, Fleiss' kappa, Krippendorff's alpha and AC1 from summed features, one a row."""
    n_paired, agreeing, n_units = sums[:, 0], sums[:, 1], sums[:, 2]
    shares = sums[:, 3 : 3 + k]
    values, agreeing_values, value_counts = sums[:, 3 + k], sums[:, 4 + k], sums[:, 5 + k :]
    with np.errstate(invalid="ignore", divide="ignore"):
        raw = agreeing / n_paired
        prevalence = shares / n_units[:, None]
        by_chance = (prevalence**2).sum(axis=1)
        fleiss = (raw - by_chance) / (1 - by_chance)
        by_chance_ac1 = (prevalence * (1 - prevalence)).sum(axis=1) / max(k - 1, 1)
        ac1 = (raw - by_chance_ac1) / (1 - by_chance_ac1)
        # Krippendorff: units weigh by their number of ratings, chance draws without replacement.
        expected = (value_counts * (value_counts - 1)).sum(axis=1) / (values * (values - 1))
        alpha = (agreeing_values / values - expected) / (1 - expected)
    if k == 1:
        ac1 = raw
    return raw, fleiss, alpha, ac1


def _groups(prompts: Sequence[Hashable], units: Sequence[int]) -> list[int]:
    """The number of each unit's prompt, counted from 0 in order of appearance."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(prompts[i], len(numbers)) for i in units]
