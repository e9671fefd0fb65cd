"""Dose and response: more of the author in a text must never look like less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from voicewright.stylometry import corpus
from voicewright.stylometry.features import Counts, Floats
from voicewright.stylometry.style_space import Space
from voicewright.stylometry.trials import UNIT, Pool, Split, testable

WORDS = 1000
PIECES = WORDS // UNIT
SAMPLES = 100
DOSES = tuple(100 * k // PIECES for k in range(PIECES + 1))


def response(
    found: Pool, split: Split, author: str, space: Space, counts: Mapping[int, Counts], rng: np.random.Generator
) -> Floats:
    """Mean similarity (doses,) of 1,000-word texts of which 0, 25, 50, 75, 100% are the author's.

    The author's pieces are of a work that the profile has not seen; the others are of one other tested author a text.
    """
    works = sorted(set(found.works[found.authors == author].tolist()))
    others = [name for name in split.tested if name != author]
    totals = np.zeros(PIECES + 1)
    for work, samples in zip(works, np.array_split(np.arange(SAMPLES), len(works)), strict=True):
        mixed: list[list[int]] = []
        for _ in samples:
            other = others[rng.integers(len(others))]
            mine = rng.choice(np.flatnonzero(found.works == work), PIECES, replace=False)
            theirs = rng.choice(np.flatnonzero(found.authors == other), PIECES, replace=False)
            mixed += [[*mine[:dose], *theirs[dose:]] for dose in range(PIECES + 1)]
        rows = space.vectors(corpus.merged(counts[UNIT], mixed), WORDS)
        similarity = rows @ _centre(found, space, counts, author, work)
        totals += similarity.reshape(-1, PIECES + 1).sum(axis=0)
    return totals / SAMPLES


def _centre(found: Pool, space: Space, counts: Mapping[int, Counts], author: str, left_out: str) -> Floats:
    per = WORDS // UNIT
    rows = [int(start) // per + k for start in found.reference(author, left_out) for k in range(2000 // WORDS)]
    centre = space.vectors(counts[WORDS].rows(rows), WORDS).mean(axis=0)
    return np.asarray(centre / np.linalg.norm(centre))


def row(responses: Mapping[str, Floats]) -> dict[str, Any]:
    """The curve and in how many authors it never falls, as JSON says it."""
    mean = np.mean(list(responses.values()), axis=0)
    rising = [name for name, curve in responses.items() if (np.diff(curve) > 0).all()]
    return {
        "percent_author": list(DOSES),
        "similarity": [float(value) for value in mean],
        "monotone": bool((np.diff(mean) > 0).all()),
        "monotone_authors": len(rising),
        "authors_tested": len(responses),
        "not_monotone": sorted(set(responses) - set(rising)),
        "samples": SAMPLES,
        "words": WORDS,
    }


def missing_splits(found: Pool, splits: Sequence[Split], seed: int) -> list[Split]:
    """Further splits for authors whom chance never tested, so that the curve is of every author."""
    seen = {name for split in splits for name in split.tested}
    left = [name for name in testable(found) if name not in seen]
    if not left:
        return []
    everyone = sorted(set(found.authors.tolist()))
    rng = np.random.default_rng(seed)
    rest = [name for name in testable(found) if name not in left]
    tested = sorted([*left, *rng.permutation(rest)[: max(2, len(testable(found)) // 2 - len(left))].tolist()])
    return [Split(tested, [name for name in everyone if name not in tested])]
