"""Dose and response: a text of which more is the author's must be more similar to the author."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from voicewright.core.documents.stylometry import DoseResponse
from voicewright.stylometry.features import Counts, Floats
from voicewright.stylometry.style_space import Space
from voicewright.stylometry.trials import UNIT, Pool, Split

WORDS = 1000
BLOCKS = WORDS // UNIT
SAMPLES = 100
DOSES = tuple(100 * k // BLOCKS for k in range(BLOCKS + 1))


def measure_response(
    pool: Pool, split: Split, author: str, space: Space, counts: Mapping[int, Counts], rng: np.random.Generator
) -> Floats:
    """Mean similarity (doses,) of 1,000-word texts of which 0, 25, 50, 75, 100% are the author's.

    The author's blocks are of a work that the profile does not hold; the rest of a text is by one other tested author.
    """
    works = pool.works_of(author)
    others = [name for name in split.tested if name != author]
    totals = np.zeros(BLOCKS + 1)
    for work, samples in zip(works, np.array_split(np.arange(SAMPLES), len(works)), strict=True):
        mixed: list[list[int]] = []
        for _ in samples:
            other = others[rng.integers(len(others))]
            mine = rng.choice(np.flatnonzero(pool.works == work), BLOCKS, replace=False)
            theirs = rng.choice(np.flatnonzero(pool.authors == other), BLOCKS, replace=False)
            mixed += [[*mine[:dose], *theirs[dose:]] for dose in range(BLOCKS + 1)]
        vectors = space.vectors(counts[UNIT].merged(mixed), WORDS)
        similarity = vectors @ _centre(pool, space, counts, author, work)
        totals += similarity.reshape(-1, BLOCKS + 1).sum(axis=0)
    return totals / SAMPLES


def _centre(pool: Pool, space: Space, counts: Mapping[int, Counts], author: str, left_out: str) -> Floats:
    per_block = WORDS // UNIT
    rows = [int(start) // per_block + k for start in pool.reference(author, left_out) for k in range(2000 // WORDS)]
    centre = space.vectors(counts[WORDS].rows(rows), WORDS).mean(axis=0)
    return np.asarray(centre / np.linalg.norm(centre))


def summarise(responses: Mapping[str, Floats]) -> DoseResponse:
    """The mean curve, and for how many authors it rises at every step."""
    mean = np.mean(list(responses.values()), axis=0)
    rising = [name for name, curve in responses.items() if (np.diff(curve) > 0).all()]
    return DoseResponse(
        percent_author=list(DOSES),
        similarity=[float(value) for value in mean],
        monotone=bool((np.diff(mean) > 0).all()),
        monotone_authors=len(rising),
        authors_tested=len(responses),
        not_monotone=sorted(set(responses) - set(rising)),
        samples=SAMPLES,
        words=WORDS,
    )


def missing_splits(pool: Pool, splits: Sequence[Split], seed: int) -> list[Split]:
    """Further splits for authors whom chance never tested, so that the curve is of every author."""
    tested_before = {name for split in splits for name in split.tested}
    testable = pool.testable_authors
    untested = [name for name in testable if name not in tested_before]
    if not untested:
        return []
    rest = np.random.default_rng(seed).permutation([name for name in testable if name not in untested])
    tested = sorted([*untested, *rest[: max(2, len(testable) // 2 - len(untested))].tolist()])
    return [Split(tested, [name for name in pool.author_names if name not in tested])]
