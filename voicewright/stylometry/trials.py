"""Trials: known authors' unseen works, and other authors' texts, scored by every measure in random splits.

In each split one half of the authors is tested; everything that is fitted is fitted on the other half.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicewright.core.errors import UserError
from voicewright.stylometry import baselines, features, style_space
from voicewright.stylometry.baselines import Rows
from voicewright.stylometry.corpus import Work, sample_blocks
from voicewright.stylometry.features import VIEWS, Counts, Floats, Vocabulary
from voicewright.stylometry.imposters import PER_STRETCH, STRETCHES
from voicewright.stylometry.style_space import Space, unit

SIZES = (500, 1000, 2000)
UNIT = style_space.SIZES[0]
REFERENCE_WORDS = 20_000
# Words whose rates the Deltas compare.
DELTA_WORDS = 500
VOCABULARY_SIZES = {"words": 2000, "chars": 4000, "syntax": 3000}
MEASURES = ("composite", *baselines.MEASURES, *VIEWS)
MIN_TESTED = 3
# An imposter's own text is compared with those who are neither its author nor the candidate: two must be left.
MIN_FITTED = 4


@dataclass(frozen=True)
class Pool:
    """A corpus counted in 250-word blocks; stretches of eight blocks follow one another in a work."""

    counts: dict[int, Counts]
    """Block size -> counts."""
    vocabulary: Vocabulary
    authors: NDArray[np.str_]
    """Of each 250-word block."""
    works: NDArray[np.str_]

    @property
    def author_names(self) -> list[str]:
        """All authors, sorted."""
        return sorted(set(self.authors.tolist()))

    @property
    def testable_authors(self) -> list[str]:
        """Authors with two works or more: one is left out, the others are the profile."""
        return [name for name in self.author_names if len(self.works_of(name)) > 1]

    def works_of(self, author: str) -> list[str]:
        """The works of an author, sorted."""
        return sorted(set(self.works[self.authors == author].tolist()))

    def labels(self, size: int, labels: NDArray[np.str_]) -> NDArray[np.str_]:
        """Of 250-word blocks' labels (`authors` or `works`), those of the blocks of `size` words."""
        return labels[:: size // UNIT]

    def reference(self, author: str, left_out: str | None) -> Rows:
        """First 250-word blocks of stretches of an author's other works, about 20,000 words in all."""
        starts = np.flatnonzero((self.authors == author) & (self.works != left_out))[::PER_STRETCH]
        n_stretches = REFERENCE_WORDS // (UNIT * PER_STRETCH)
        if len(starts) > n_stretches:
            starts = starts[np.linspace(0, len(starts) - 1, n_stretches).astype(int)]
        return np.asarray(starts, dtype=np.int64)


@dataclass(frozen=True)
class Split:
    """The authors whose texts are tested, and those on whom everything is fitted."""

    tested: list[str]
    imposters: list[str]


@dataclass(frozen=True)
class Scores:
    """Scores of one measure: candidate profiles (an author, a work left out) against texts; higher is closer."""

    table: Floats
    """(texts, candidates)."""
    candidates: list[tuple[str, str]]
    authors: NDArray[np.str_]
    works: NDArray[np.str_]

    def positives(self, author: str) -> Floats:
        """Scores of an author's left-out works against their own profile."""
        return np.concatenate(
            [self.table[self.works == work, j] for j, (name, work) in enumerate(self.candidates) if name == author]
        )

    def negatives(self, author: str) -> Floats:
        """Scores of all other authors' texts against this author's profiles."""
        return np.concatenate(
            [self.table[self.authors != author, j] for j, (name, _) in enumerate(self.candidates) if name == author]
        )


def build_pool(works: Sequence[Work]) -> Pool:
    """Count a corpus: of each work up to 24,000 words in evenly spread stretches of 2,000."""
    texts: list[str] = []
    authors: list[str] = []
    titles: list[str] = []
    for work in works:
        blocks = sample_blocks(work.text, UNIT, STRETCHES, PER_STRETCH)
        whole = len(blocks) - len(blocks) % PER_STRETCH
        texts += blocks[:whole]
        authors += [work.author] * whole
        titles += [work.path.name] * whole
    if not texts:
        raise UserError("no work holds 2,000 words", hint="validate takes whole books, named Author_Title.txt")
    by_work = [
        " ".join(text for text, title in zip(texts, titles, strict=True) if title == name)
        for name in dict.fromkeys(titles)
    ]
    # Larger than a split's vocabulary, so that each split can choose by its own imposters.
    vocabulary = features.build_vocabulary(by_work, n_words=3000, n_chars=6000, n_syntax=4500)
    counts = {UNIT: vocabulary.table(texts)}
    for size in SIZES:
        counts[size] = counts[UNIT].joined(size // UNIT)
    return Pool(counts, vocabulary, np.array(authors), np.array(titles))


def random_splits(pool: Pool, count: int, named: Sequence[str], seed: int) -> Iterator[Split]:
    """`count` random halves, or one split in which the named authors are tested."""
    authors, testable = pool.author_names, pool.testable_authors
    if named:
        yield Split(sorted(named), [name for name in authors if name not in named])
        return
    rng = np.random.default_rng(seed)
    for _ in range(count):
        tested = sorted(rng.permutation(testable)[: len(testable) // 2].tolist())
        yield Split(tested, [name for name in authors if name not in tested])


def restrict(pool: Pool, imposters: Sequence[str]) -> tuple[dict[int, Counts], Vocabulary]:
    """The counts in the vocabulary that is most frequent among these authors."""
    of_imposters = np.isin(pool.labels(2000, pool.authors), imposters)
    common = pool.counts[2000].rows(np.flatnonzero(of_imposters))
    columns = {
        view: np.argsort(-common.rates(view).mean(axis=0), kind="stable")[:width]
        for view, width in VOCABULARY_SIZES.items()
    }
    vocabulary = Vocabulary(
        tuple(pool.vocabulary.words[i] for i in columns["words"]),
        pool.vocabulary.chars[columns["chars"]],
        pool.vocabulary.function,
        pool.vocabulary.syntax[columns["syntax"]],
    )
    return {size: counts.columns(columns) for size, counts in pool.counts.items()}, vocabulary


def fit_split(pool: Pool, split: Split) -> tuple[Space, dict[int, Counts]]:
    """A space fitted on the imposters of a split alone, and all counts in its vocabulary."""
    counts, vocabulary = restrict(pool, split.imposters)
    rows = {size: np.flatnonzero(np.isin(pool.labels(size, pool.authors), split.imposters)) for size in SIZES}
    space = style_space.fit(
        {size: counts[size].rows(rows[size]) for size in SIZES},
        {size: pool.labels(size, pool.authors)[rows[size]].tolist() for size in SIZES},
        vocabulary,
    )
    return space, counts


def inverse_document_frequency(rates: Floats) -> Floats:
    """Smoothed, of each column (Salton and Buckley 1988); rows are the documents."""
    return np.asarray(np.log((1 + len(rates)) / (1 + (rates > 0).sum(axis=0))) + 1)


def score_authors(
    pool: Pool, split: Split, authors: Sequence[str], space: Space, counts: Mapping[int, Counts], size: int
) -> dict[str, Scores]:
    """Scores of blocks of `size` words by these authors against their profiles, by every measure."""
    authors_of, works_of = pool.labels(size, pool.authors), pool.labels(size, pool.works)
    texts = np.flatnonzero(np.isin(authors_of, authors))
    testable = set(pool.testable_authors)
    candidates = [(name, work) for name in authors if name in testable for work in pool.works_of(name)]

    def profile(author: str, left_out: str | None) -> Rows:
        per_stretch = PER_STRETCH * UNIT // size
        firsts = pool.reference(author, left_out) * UNIT // size
        return np.asarray((firsts[:, None] + np.arange(per_stretch)).ravel())

    profiles = [profile(*key) for key in candidates]
    raw = space.raw(counts[size].rows(texts), size)
    places = [np.searchsorted(texts, rows) for rows in profiles]

    def similarities(vectors: Floats) -> Floats:
        return np.asarray(vectors @ unit(np.array([vectors[place].mean(axis=0) for place in places])).T)

    tables = {"composite": similarities(space.white(raw))}
    tables |= {view: similarities(unit(raw[:, space.view_columns(view)])) for view in VIEWS}
    fours = np.flatnonzero(features.gram_length(space.vocabulary.chars) == 4)
    grams = counts[size].rates("chars")[:, fours]
    trial = baselines.Trial(
        texts,
        profiles,
        [profile(name, None) for name in split.imposters],
        baselines.excluded_imposters(authors_of[texts].tolist(), [name for name, _ in candidates], split.imposters),
    )
    tables |= baselines.score_trial(
        counts[size].rates("words")[:, :DELTA_WORDS],
        grams * inverse_document_frequency(grams[np.isin(authors_of, split.imposters)]),
        trial,
    )
    return {name: Scores(table, candidates, authors_of[texts], works_of[texts]) for name, table in tables.items()}
