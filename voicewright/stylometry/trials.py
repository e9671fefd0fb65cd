"""Trials: known authors' unseen works, and other authors' texts, scored by every measure in random splits.

In each split one half of the authors is tested; everything that is fitted is fitted on the other half.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicewright.core.errors import UserError
from voicewright.stylometry import baselines, corpus, features
from voicewright.stylometry import style_space as spaces
from voicewright.stylometry.features import VIEWS, Counts, Floats, Vocabulary
from voicewright.stylometry.imposters import PER_STRETCH, STRETCHES
from voicewright.stylometry.style_space import Space

SIZES = (500, 1000, 2000)
UNIT = spaces.SIZES[0]
REFERENCE_WORDS = 20_000
MOST_FREQUENT = 500
KEPT = {"words": 2000, "chars": 4000, "syntax": 3000}
MEASURES = ("composite", *baselines.MEASURES, *VIEWS)
FEWEST_TESTED = 3
# An imposter's own text is held against those who are neither its author nor the candidate: two must be left.
FEWEST_FITTED = 4
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """A corpus counted in 250-word blocks; stretches of eight blocks follow one another in a work."""

    counts: dict[int, Counts]
    """Block size -> counts."""
    vocabulary: Vocabulary
    authors: NDArray[np.str_]
    """Of each 250-word block."""
    works: NDArray[np.str_]

    def of(self, size: int, labels: NDArray[np.str_]) -> NDArray[np.str_]:
        """Labels of blocks of `size` words."""
        return labels[:: size // UNIT]

    def reference(self, author: str, left_out: str | None) -> Rows:
        """First 250-word blocks of stretches of an author's other works, about 20,000 words in all."""
        starts = np.flatnonzero((self.authors == author) & (self.works != left_out))[::PER_STRETCH]
        wanted = REFERENCE_WORDS // (UNIT * PER_STRETCH)
        if len(starts) > wanted:
            starts = starts[np.linspace(0, len(starts) - 1, wanted).astype(int)]
        return np.asarray(starts, dtype=np.int64)


@dataclass(frozen=True)
class Split:
    """Whose texts are tested, and on whose everything is fitted."""

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


def pool(works: Sequence[corpus.Work]) -> Pool:
    """Count a corpus: of each work up to 24,000 words in evenly spread stretches of 2,000."""
    texts: list[str] = []
    authors: list[str] = []
    titles: list[str] = []
    for work in works:
        blocks = corpus.sample(work.text, UNIT, STRETCHES, PER_STRETCH)
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
    # More than a split keeps, so that each can choose by its own imposters.
    vocabulary = features.build_vocabulary(by_work, n_words=3000, n_chars=6000, n_syntax=4500)
    counts = {UNIT: vocabulary.table(texts)}
    for size in SIZES:
        counts[size] = corpus.merged(counts[UNIT], corpus.runs(size // UNIT, len(texts)))
    return Pool(counts, vocabulary, np.array(authors), np.array(titles))


def testable(found: Pool) -> list[str]:
    """Authors with two works or more: one is left out, the others are the profile."""
    return [name for name in sorted(set(found.authors.tolist())) if len(set(found.works[found.authors == name])) > 1]


def splits(found: Pool, count: int, named: Sequence[str], seed: int) -> Iterator[Split]:
    """`count` random halves, or one split in which the named authors are tested."""
    everyone = sorted(set(found.authors.tolist()))
    able = testable(found)
    if named:
        yield Split(sorted(named), [name for name in everyone if name not in named])
        return
    rng = np.random.default_rng(seed)
    for _ in range(count):
        tested = sorted(rng.permutation(able)[: len(able) // 2].tolist())
        yield Split(tested, [name for name in everyone if name not in tested])


def restrict(found: Pool, imposters: Sequence[str]) -> tuple[dict[int, Counts], Vocabulary]:
    """The counts in the vocabulary that is most frequent among these authors."""
    mask = np.isin(found.of(2000, found.authors), imposters)
    common = found.counts[2000].rows(np.flatnonzero(mask))
    chosen = {view: np.argsort(-common.rates(view).mean(axis=0), kind="stable")[:kept] for view, kept in KEPT.items()}
    old = found.vocabulary
    vocabulary = Vocabulary(
        tuple(old.words[i] for i in chosen["words"]),
        old.chars[chosen["chars"]],
        old.function,
        old.syntax[chosen["syntax"]],
    )
    return {size: counts.columns(chosen) for size, counts in found.counts.items()}, vocabulary


def fitted(found: Pool, split: Split) -> tuple[Space, dict[int, Counts]]:
    """A space that has only seen the imposters of a split, and all counts in its vocabulary."""
    counts, vocabulary = restrict(found, split.imposters)
    mine = {size: np.flatnonzero(np.isin(found.of(size, found.authors), split.imposters)) for size in (UNIT, *SIZES)}
    return spaces.fit(
        {size: counts[size].rows(mine[size]) for size in SIZES},
        {size: found.of(size, found.authors)[mine[size]].tolist() for size in SIZES},
        vocabulary,
    ), counts


def rarity(rates: Floats) -> Floats:
    """Smoothed inverse document frequency of each column (Salton and Buckley 1988): rows are the documents."""
    return np.asarray(np.log((1 + len(rates)) / (1 + (rates > 0).sum(axis=0))) + 1)


def score(
    found: Pool, split: Split, candidates_of: Sequence[str], space: Space, counts: Mapping[int, Counts], size: int
) -> dict[str, Scores]:
    """Scores of blocks of `size` words by these authors against their profiles, by every measure."""
    authors, works = found.of(size, found.authors), found.of(size, found.works)
    mine = np.flatnonzero(np.isin(authors, candidates_of))
    able = set(testable(found))
    candidates = [
        (name, work)
        for name in candidates_of
        if name in able
        for work in sorted(set(found.works[found.authors == name].tolist()))
    ]

    def profile(author: str, left_out: str | None) -> Rows:
        per = PER_STRETCH * UNIT // size
        firsts = found.reference(author, left_out) * UNIT // size
        return np.asarray((firsts[:, None] + np.arange(per)).ravel())

    profiles = [profile(*key) for key in candidates]
    raw = space.raw(counts[size].rows(mine), size)
    places = [np.searchsorted(mine, rows) for rows in profiles]

    def against(rows: Floats) -> Floats:
        return np.asarray(rows @ baselines.unit(np.array([rows[place].mean(axis=0) for place in places])).T)

    tables = {"composite": against(space.white(raw))}
    start = 0
    for view in VIEWS:
        end = start + space.vocabulary.width(view)
        tables[view] = against(baselines.unit(raw[:, start:end]))
        start = end
    fours = np.flatnonzero(features.gram_length(space.vocabulary.chars) == 4)
    grams = counts[size].rates("chars")[:, fours]
    trial = baselines.Trial(
        mine,
        profiles,
        [profile(name, None) for name in split.imposters],
        baselines.barred(authors[mine].tolist(), [name for name, _ in candidates], split.imposters),
    )
    tables |= baselines.tables(
        counts[size].rates("words")[:, :MOST_FREQUENT],
        # The baseline of PAN's verification tasks: cosine of tf-idf weighted character 4-grams.
        grams * rarity(grams[np.isin(authors, split.imposters)]),
        trial,
    )
    return {name: Scores(values, candidates, authors[mine], works[mine]) for name, values in tables.items()}
