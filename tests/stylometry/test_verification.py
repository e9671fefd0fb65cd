"""Figures of merit of authorship verification, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from voicewright.stylometry.verification import SplitAuc, answer_figures


def test_a_pooled_auc_is_that_of_scikit_learn_and_counts_ties_half() -> None:
    # Whole numbers: many ties within and across authors, of whom each has another number of texts.
    rng = np.random.default_rng(7)
    positives = [rng.integers(2, 9, size).astype(float) for size in (4, 9, 15)]
    negatives = [np.sort(rng.integers(0, 7, size)).astype(float) for size in (30, 12, 21)]
    auc = SplitAuc.of(["Hardy", "Eliot", "Ward"], positives, negatives)
    labels = np.repeat([1, 0], [28, 63])
    assert auc.pooled() == pytest.approx(roc_auc_score(labels, np.concatenate([*positives, *negatives])), abs=1e-12)
    # An author who is drawn twice enters with all of their scores twice.
    weights = np.array([2.0, 0.0, 1.0])
    pool = [*positives[:1], *positives[:1], positives[2], *negatives[:1], *negatives[:1], negatives[2]]
    expected = roc_auc_score(np.repeat([1, 0], [23, 81]), np.concatenate(pool))
    assert auc.pooled(weights) == pytest.approx(expected, abs=1e-12)
    tie = SplitAuc.of(["Hardy"], [np.array([1.0, 2.0])], [np.array([0.0, 1.0])])
    assert tie.pooled() == pytest.approx(0.875)


def test_a_sure_and_right_verifier_is_perfect_and_silence_is_not_rewarded() -> None:
    sure = answer_figures(np.array([0.99, 0.98]), np.array([0.01] * 50))
    assert sure.c_at_1 == 1.0 and sure.f05u == 1.0 and sure.brier < 0.001
    silent = answer_figures(np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    assert silent.c_at_1 == 0.0 and silent.f05u == 0.0 and silent.brier == pytest.approx(0.25)
