"""Burrows' Delta and Cosine Delta: the distances that other measures are held against.

Burrows, Literary and Linguistic Computing 17 (2002); Cosine Delta: Smith and Aldridge, JQL 18 (2011), as named and
found best by Evert et al., DSH 32 (2017).
"""

from __future__ import annotations

import numpy as np

from voicewright.stylometry.features import Floats


def z_scores(rates: Floats, reference: Floats) -> Floats:
    """Rates (texts, words) standardised by mean and standard deviation (n - 1) of reference rates (texts, words).

    A word that does not vary in the reference says nothing and becomes 0.
    """
    reference = np.asarray(reference, dtype=np.float64)
    # The computed spread of equal numbers need not be 0.
    varies = np.ptp(reference, axis=0) > 0
    spread = np.where(varies, reference.std(axis=0, ddof=1), 1.0)
    return np.where(varies, (np.asarray(rates, dtype=np.float64) - reference.mean(axis=0)) / spread, 0.0)


def burrows(a: Floats, b: Floats) -> Floats:
    """Mean absolute differences (rows of a, rows of b) of z-scores."""
    return np.array([np.abs(a - row).mean(axis=1) for row in b]).T.reshape(len(a), len(b))


def cosine(a: Floats, b: Floats) -> Floats:
    """Cosine distances (rows of a, rows of b) of z-scores, 0 to 2."""

    def unit(rows: Floats) -> Floats:
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(lengths > 0, lengths, 1.0))

    return np.asarray(1.0 - unit(a) @ unit(b).T)


def nearest(distances: Floats, authors: list[str]) -> list[str]:
    """Leave-one-out attribution: for each text of a square table, the author of the nearest other text."""
    off = distances + np.where(np.eye(len(distances), dtype=bool), np.inf, 0.0)
    return [authors[i] for i in off.argmin(axis=1)]
