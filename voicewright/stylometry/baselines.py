"""The distances of the literature, with which the composite is compared: Burrows' Delta, Cosine Delta, PAN's 4-grams.

Burrows, Literary and Linguistic Computing 17 (2002); Cosine Delta: Smith and Aldridge, JQL 18 (2011), as named and
found best by Evert et al., DSH 32 (2017); cosine of tf-idf weighted character 4-grams: the baseline of PAN's
verification tasks.

Trials score each of them twice. Plain: how similar a text is to a profile. Relative (imposter-z): by how many standard
deviations that is more than the text is similar to other authors' profiles. A distance of Burrows' from 500 words to a
profile of 20,000 says more of how unusual the text is than of who wrote it, and so does one of uncentred n-grams: AUC
over all authors at 500 words is .62 and .64 plain, .76 and .77 relative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicewright.stylometry.features import Floats
from voicewright.stylometry.style_space import unit

PLAIN = ("cosine_delta", "burrows_delta", "char_4grams")
MEASURES = tuple(name + suffix for name in PLAIN for suffix in ("", "_relative"))
Rows = NDArray[np.int64]


def z_scores(rates: Floats, reference: Floats) -> Floats:
    """Rates (texts, words) standardised by mean and standard deviation (n - 1) of reference rates (texts, words).

    A word that does not vary in the reference carries no information and becomes 0.
    """
    reference = np.asarray(reference, dtype=np.float64)
    # The computed spread of equal numbers need not be 0.
    varies = np.ptp(reference, axis=0) > 0
    spread = np.where(varies, reference.std(axis=0, ddof=1), 1.0)
    return np.where(varies, (np.asarray(rates, dtype=np.float64) - reference.mean(axis=0)) / spread, 0.0)


def burrows_delta(a: Floats, b: Floats) -> Floats:
    """Mean absolute differences (rows of a, rows of b) of z-scores."""
    # scipy.spatial.distance.cdist(a, b, "cityblock") / words differs in the last digits.
    return np.array([np.abs(a - row).mean(axis=1) for row in b]).T.reshape(len(a), len(b))


def cosine_delta(a: Floats, b: Floats) -> Floats:
    """Cosine distances (rows of a, rows of b) of z-scores, 0 to 2; a row of zeros is at distance 1 of all."""

    def normalised(rows: Floats) -> Floats:
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(lengths > 0, lengths, 1.0))

    return np.asarray(1.0 - normalised(a) @ normalised(b).T)


def nearest_authors(distances: Floats, authors: list[str]) -> list[str]:
    """Leave-one-out attribution: for each text of a square table, the author of the nearest other text."""
    off_diagonal = distances + np.where(np.eye(len(distances), dtype=bool), np.inf, 0.0)
    return [authors[i] for i in off_diagonal.argmin(axis=1)]


@dataclass(frozen=True)
class Trial:
    """Which texts are scored against which profiles: row numbers in a table of blocks."""

    texts: Rows
    candidates: list[Rows]
    """Of each candidate's profile."""
    imposters: list[Rows]
    """Of each imposter's profile."""
    excluded: NDArray[np.bool_]
    """(texts, candidates, imposters): the imposter is the author of the text, or the candidate."""


def excluded_imposters(texts: Sequence[str], candidates: Sequence[str], imposters: Sequence[str]) -> NDArray[np.bool_]:
    """Where an imposter would be compared with their own text or with themselves, given the authors of each."""
    by_text = np.asarray(texts)[:, None] == np.asarray(imposters)
    by_candidate = np.asarray(candidates)[:, None] == np.asarray(imposters)
    return np.asarray(by_text[:, None, :] | by_candidate[None, :, :])


def score_trial(words: Floats, grams: Floats, trial: Trial) -> dict[str, Floats]:
    """Scores (texts, candidates) of each of MEASURES, higher is closer.

    `words` (blocks, w): rates of the most frequent words. `grams` (blocks, n): weighted rates of character 4-grams.
    """
    # Standardised as Delta always is, on all profiles at hand: those of the authors who are tested are among them.
    z = z_scores(words, words[np.unique(np.concatenate([*trial.candidates, *trial.imposters]))])
    scores: dict[str, Floats] = {}
    for name, vectors, closeness in (
        ("cosine_delta", z, lambda a, b: -cosine_delta(a, b)),
        ("burrows_delta", z, lambda a, b: -burrows_delta(a, b)),
        ("char_4grams", unit(grams), lambda a, b: a @ unit(b).T),
    ):
        own, others = (
            closeness(vectors[trial.texts], np.array([vectors[rows].mean(axis=0) for rows in profiles]))
            for profiles in (trial.candidates, trial.imposters)
        )
        scores[name], scores[f"{name}_relative"] = own, relative_scores(own, others, trial.excluded)
    return scores


def relative_scores(own: Floats, others: Floats, excluded: NDArray[np.bool_]) -> Floats:
    """Imposter-z: scores (texts, candidates) less the mean of the imposters' scores, in their standard deviations.

    `others` (texts, imposters); those that are `excluded` (texts, candidates, imposters) do not count.
    """
    counted = np.where(excluded, np.nan, others[:, None, :])
    spread = np.maximum(np.nanstd(counted, axis=2, ddof=1), 1e-9)
    return np.asarray((own - np.nanmean(counted, axis=2)) / spread)
