"""Figures of merit of authorship verification: AUC, c@1, F0.5u, Brier; positives and negatives weigh the same.

As in the PAN shared tasks on authorship verification (Kestemont et al., CLEF 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression

from voicewright.stylometry.features import Floats

# A probability so near to one half is no answer.
UNDECIDED = 0.05


def auc(positive: Floats, negative: Floats) -> float:
    """Chance that a positive scores above a negative, ties counting half (Mann and Whitney)."""
    ranks = rankdata(np.concatenate([positive, negative]))
    n, m = len(positive), len(negative)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


@dataclass(frozen=True)
class Calibration:
    """Turns a score into the probability that the author wrote the text."""

    slope: float
    intercept: float

    def probability(self, scores: Floats) -> Floats:
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(self.slope * scores + self.intercept, -30, 30))))


def calibrate(positive: Floats, negative: Floats) -> Calibration:
    """Logistic regression of a score, both classes weighing the same (Platt 1999)."""
    scores = np.concatenate([positive, negative])
    spread = float(scores.std()) or 1.0
    labels = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])
    model = LogisticRegression(C=1e3, class_weight="balanced").fit((scores / spread)[:, None], labels)
    return Calibration(float(model.coef_[0, 0]) / spread, float(model.intercept_[0]))


def merits(positive: Floats, negative: Floats) -> dict[str, float]:
    """c@1 and F0.5u (higher is better), and the Brier score (lower is better), of probabilities."""

    def weight(found: Floats) -> float:
        # Each class has weight 1/2.
        return 0.5 * float(np.mean(found))

    def unanswered(p: Floats) -> Floats:
        return np.abs(p - 0.5) < UNDECIDED

    hit, miss = weight((positive > 0.5) & ~unanswered(positive)), weight((positive < 0.5) & ~unanswered(positive))
    right, alarm = weight((negative < 0.5) & ~unanswered(negative)), weight((negative > 0.5) & ~unanswered(negative))
    silent = weight(unanswered(positive)) + weight(unanswered(negative))
    correct = hit + right
    return {
        "c_at_1": correct + silent * correct,
        "f05u": 1.25 * hit / max(1e-12, 1.25 * hit + 0.25 * (miss + silent) + alarm),
        "brier": weight((1.0 - positive) ** 2) + weight(negative**2),
    }
