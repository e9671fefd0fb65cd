"""The measures of the literature, as trials score them: what the composite is held against.

Each has two readings. Plain: how like a text is to a profile. Relative (imposter-z): by how many standard deviations
that is more than the text is like other authors' profiles. A distance of Burrows' from 500 words to a profile of
20,000 says more of how odd the text is than of whose it is, and so does one of uncentred n-grams: AUC over all authors
at 500 words is .62 and .64 plain, .76 and .77 relative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicewright.stylometry import delta
from voicewright.stylometry.features import Floats

PLAIN = ("cosine_delta", "burrows_delta", "char_4grams")
MEASURES = tuple(name + reading for name in PLAIN for reading in ("", "_relative"))
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Trial:
    """Who is held against whom: row numbers in a table of blocks."""

    texts: Rows
    candidates: list[Rows]
    """Of each candidate's profile."""
    imposters: list[Rows]
    """Of each imposter's profile."""
    barred: NDArray[np.bool_]
    """(texts, candidates, imposters): the imposter is the author of the text, or the candidate."""


def barred(texts: Sequence[str], candidates: Sequence[str], imposters: Sequence[str]) -> NDArray[np.bool_]:
    """Where an imposter would be held against their own text or themselves, given the authors of each."""
    by_text = np.asarray(texts)[:, None] == np.asarray(imposters)
    by_candidate = np.asarray(candidates)[:, None] == np.asarray(imposters)
    return np.asarray(by_text[:, None, :] | by_candidate[None, :, :])


def tables(words: Floats, grams: Floats, trial: Trial) -> dict[str, Floats]:
    """Scores (texts, candidates) of each of MEASURES, higher is closer.

    `words` (blocks, w): rates of the most frequent words. `grams` (blocks, n): weighted rates of character 4-grams.
    """
    # Standardised as Delta always is, on all profiles at hand: those of the authors who are tested are among them.
    z = delta.z_scores(words, words[np.unique(np.concatenate([*trial.candidates, *trial.imposters]))])
    found: dict[str, Floats] = {}
    for name, vectors, closeness in (
        ("cosine_delta", z, lambda a, b: -delta.cosine(a, b)),
        ("burrows_delta", z, lambda a, b: -delta.burrows(a, b)),
        ("char_4grams", unit(grams), lambda a, b: a @ unit(b).T),
    ):
        own, others = (
            closeness(vectors[trial.texts], np.array([vectors[rows].mean(axis=0) for rows in profiles]))
            for profiles in (trial.candidates, trial.imposters)
        )
        found[name], found[f"{name}_relative"] = own, relative(own, others, trial.barred)
    return found


def relative(own: Floats, others: Floats, barred: NDArray[np.bool_]) -> Floats:
    """Imposter-z: scores (texts, candidates) less the mean, in standard deviations, of the imposters' that count.

    `others` (texts, imposters); `barred` (texts, candidates, imposters) do not count.
    """
    counted = np.where(barred, np.nan, others[:, None, :])
    spread = np.maximum(np.nanstd(counted, axis=2, ddof=1), 1e-9)
    return np.asarray((own - np.nanmean(counted, axis=2)) / spread)


def unit(rows: Floats) -> Floats:
    """Rows at length 1; an empty one stays."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
