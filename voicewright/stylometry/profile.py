"""An author's profile: how far a text lies from the way this author writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from voicewright.core import text as reading
from voicewright.core.errors import UserError
from voicewright.stylometry import corpus, imposters
from voicewright.stylometry.features import VIEWS, Counts, Floats
from voicewright.stylometry.style_space import SIZES, Space

FEWEST_WORDS = 1000
MOST_BLOCKS = 1600
# Distances are kept in 32 bits; what differs by less is the same.
TIE = 1e-5
# English prose of any kind has over three quarters of its words among the 2,000 most frequent.
LEAST_COMMON_WORDS = 0.45


@dataclass(frozen=True)
class Profile:
    """What is known of an author: counts of the 250-word blocks that they wrote, in a space of other authors."""

    space: Space
    blocks: Counts
    _centres: dict[tuple[str, int], Floats] = field(default_factory=dict, repr=False)

    def centre(self, size: int, view: str = "all") -> Floats:
        """The author's unit vector (F,) for blocks of `size` words; with a view, of that view alone and unwhitened."""
        size = self.space.size(size)
        if (view, size) not in self._centres:
            wanted = max(1, min(size // SIZES[0], len(self.blocks)))
            counts = corpus.merged(self.blocks, corpus.runs(wanted, len(self.blocks)))
            raw = self.space.raw(counts, size)
            rows = self.space.white(raw) if view == "all" else _of_view(self.space, raw, view)
            centre = rows.mean(axis=0)
            self._centres[view, size] = centre / max(float(np.linalg.norm(centre)), 1e-12)
        return self._centres[view, size]

    def distances(self, counts: Counts, size: int, view: str = "all") -> Floats:
        """Cosine distances (texts,) of blocks of about `size` words: 0 the same direction, 1 unrelated, at most 2."""
        raw = self.space.raw(counts, size)
        rows = self.space.white(raw) if view == "all" else _of_view(self.space, raw, view)
        distances: Floats = 1.0 - rows @ self.centre(size, view)
        return distances

    def distance(self, text: str) -> float:
        """The composite distance of a text. Compare it only with texts of about the same length."""
        counts = self.space.vocabulary.table([reading.plain(reading.normal(text))])
        return float(self.distances(counts, _length(counts))[0])

    def components(self, text: str) -> dict[str, float]:
        """The distance in each view alone: words, characters, syntax, punctuation, sentence length."""
        counts = self.space.vocabulary.table([reading.plain(reading.normal(text))])
        return {view: float(self.distances(counts, _length(counts), view)[0]) for view in VIEWS}

    def imposter_distances(self, size: int) -> dict[str, float]:
        """The mean distance of blocks of `size` words by each other author of the space, nearest first."""
        size = self.space.size(size)
        found = 1.0 - self.space.shrink[size] * (self.space.imposters @ self.centre(size))
        return dict(sorted(zip(self.space.names, found.tolist(), strict=True), key=lambda pair: pair[1]))


def strangeness(profile: Profile) -> tuple[float, float]:
    """Likeness to the nearest other author, and the least such likeness among the other authors themselves.

    An author far below is of a genre or time that the figures do not cover.
    """
    space = profile.space
    units = space.imposters / np.maximum(np.linalg.norm(space.imposters, axis=1, keepdims=True), 1e-12)
    table = units @ units.T
    np.fill_diagonal(table, -1.0)
    return float((units @ profile.centre(500)).max()), float(table.max(axis=1).min())


def foreign(profile: Profile) -> bool:
    """Whether most of the author's words are none that the other authors use: another language or script."""
    counted = profile.blocks.arrays["words"].sum() / max(1.0, float(profile.blocks.arrays["words_total"].sum()))
    return bool(counted < LEAST_COMMON_WORDS)


def _of_view(space: Space, raw: Floats, view: str) -> Floats:
    start = 0
    for name in VIEWS[: VIEWS.index(view)]:
        start += space.vocabulary.width(name)
    rows = raw[:, start : start + space.vocabulary.width(view)]
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def _length(counts: Counts) -> int:
    return int(counts.arrays["words_total"][0, 0])


def build(texts: Sequence[str], space: Space | None = None) -> Profile:
    """The profile of an author from texts of theirs, against the shipped authors or another space.

    Raises UserError below 1,000 words: less says nothing of a voice.
    """
    space = space or imposters.shipped()
    joined = "\n\n".join(reading.plain(reading.normal(text)) for text in texts)
    blocks = list(reading.blocks(joined, SIZES[0]))
    if len(blocks) * SIZES[0] < FEWEST_WORDS:
        raise UserError(
            f"the author's texts hold {len(reading.words(joined))} words; a profile needs {FEWEST_WORDS}",
            hint="add more of the author's writing to data.sources",
        )
    if len(blocks) > MOST_BLOCKS:
        chosen = np.linspace(0, len(blocks) - 1, MOST_BLOCKS).astype(int)
        blocks = [blocks[i] for i in chosen]
    return Profile(space, space.vocabulary.table(blocks))


def closer(profile: Profile, x: str, y: str) -> Literal["x", "y", "tie"]:
    """Which of two texts lies closer to the author.

    Both are cut to the words of the shorter, since length moves a distance.
    """
    plain = [reading.plain(reading.normal(text)) for text in (x, y)]
    lengths = [len(reading.WORD.findall(text)) for text in plain]
    size = min(lengths)
    if size == 0:
        return "tie" if lengths[0] == lengths[1] else ("x" if lengths[0] else "y")
    counts = profile.space.vocabulary.table([next(reading.blocks(text, size)) for text in plain])
    first, second = profile.distances(counts, size)
    if abs(first - second) < TIE:
        return "tie"
    return "x" if first < second else "y"
