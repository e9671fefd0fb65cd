"""Copying: the longest word-for-word spans that a text shares with the training or the held-out rows.

An index of 5-word spans finds where a match can begin; it is then followed word by word. Case and punctuation do
not count, and what the prompt already said is no copying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicewright.core import text as reading

SPAN = 5
FLAGGED, FAILED = 10, 20
# A generation in a hundred may hold a flagged span by chance: a proverb, an address.
TOLERATED = 0.01
# A stock phrase stands in many places; these are enough to find the longest match.
MOST_PLACES = 64
SHOWN = 10
_FACTORS = np.array([1_000_003**k % 2**61 for k in range(SPAN)], dtype=np.uint64)


@dataclass(frozen=True)
class Index:
    """Words of the indexed rows as numbers, and their 5-word spans in sorted order."""

    ids: dict[str, int]
    words: NDArray[np.int64]
    codes: NDArray[np.uint64]
    places: NDArray[np.int64]
    sources: list[str]
    starts: NDArray[np.int64]
    """First word of each row."""

    def source(self, place: int) -> str:
        """The source of the row that a word lies in."""
        return self.sources[int(np.searchsorted(self.starts, place, side="right")) - 1]


@dataclass(frozen=True)
class Span:
    """A copied span: word positions in the text, its words, and where it comes from."""

    start: int
    words: list[str]
    source: str


def index(rows: Sequence[tuple[str, str]]) -> Index:
    """An index of (source, text) rows: about a second for a million words."""
    ids: dict[str, int] = {}
    numbers: list[int] = []
    starts: list[int] = []
    for i, (_, text) in enumerate(rows):
        starts.append(len(numbers))
        numbers += [ids.setdefault(word, len(ids) + 1) for word in reading.words(reading.plain(reading.normal(text)))]
        # A number of its own between rows, so that no span crosses them.
        numbers.append(-i - 1)
    words = np.array(numbers, dtype=np.int64)
    codes = _codes(words)
    order = np.argsort(codes, kind="stable")
    return Index(ids, words, codes[order], order, [source for source, _ in rows], np.array(starts, dtype=np.int64))


def spans(found: Index, text: str, prompt: str = "") -> list[Span]:
    """Maximal spans of five words or more that a text shares with the index, left to right, none overlapping."""
    words = reading.words(reading.plain(reading.normal(text)))
    asked = " " + " ".join(reading.words(reading.plain(reading.normal(prompt)))) + " "
    numbers = np.array([found.ids.get(word, 0) for word in words], dtype=np.int64)
    codes = _codes(numbers)
    if not len(codes) or not len(found.codes):
        return []
    low, high = np.searchsorted(found.codes, codes, "left"), np.searchsorted(found.codes, codes, "right")
    copied, at = [], 0
    for i in np.flatnonzero(high > low).tolist():
        if i < at:
            continue
        places = found.places[low[i] : min(high[i], low[i] + MOST_PLACES)].tolist()
        place, length = max(((place, _follow(found.words, place, numbers, i)) for place in places), key=lambda m: m[1])
        span = words[i : i + length]
        if length >= SPAN and f" {' '.join(span)} " not in asked:
            copied.append(Span(i, span, found.source(place)))
            at = i + length
    return copied


def _follow(indexed: NDArray[np.int64], place: int, numbers: NDArray[np.int64], start: int) -> int:
    most = min(len(indexed) - place, len(numbers) - start)
    same = indexed[place : place + most] == numbers[start : start + most]
    different = np.flatnonzero(~same)
    return int(different[0]) if len(different) else most


def _codes(words: NDArray[np.int64]) -> NDArray[np.uint64]:
    if len(words) < SPAN:
        return np.zeros(0, dtype=np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(words.astype(np.uint64), SPAN)
    # Sums wrap around; a chance equality is undone by following the words.
    return np.asarray((windows * _FACTORS).sum(axis=1, dtype=np.uint64))


@dataclass(frozen=True)
class Copied:
    """What a set of generations shares with an index."""

    spans: list[list[Span]]
    """Of each generation."""
    words: list[int]

    @property
    def longest(self) -> int:
        """Words of the longest span."""
        return max((len(span.words) for found in self.spans for span in found), default=0)

    def row(self) -> dict[str, Any]:
        """Figures as JSON says them: spans over 10 words are flagged, over 20 or in over 1% of generations failed."""
        lengths = [len(span.words) for found in self.spans for span in found]
        flagged = sum(any(len(span.words) > FLAGGED for span in found) for found in self.spans)
        share = flagged / max(1, len(self.spans))
        verdict = "fail" if self.longest > FAILED or share > TOLERATED else "flag" if flagged else "ok"
        return {
            "longest_words": self.longest,
            "coverage_percent": 100.0 * sum(lengths) / max(1, sum(self.words)),
            "spans_over_10": sum(length > FLAGGED for length in lengths),
            "spans_over_20": sum(length > FAILED for length in lengths),
            "generations_flagged_percent": 100.0 * share,
            "generations": len(self.spans),
            "verdict": verdict,
        }

    def shown(self, ids: Sequence[str], most: int = SHOWN) -> list[dict[str, Any]]:
        """The longest spans over 10 words, with the generation and the source that they stand in."""
        found = [(span, name) for spans_, name in zip(self.spans, ids, strict=True) for span in spans_]
        found = sorted((pair for pair in found if len(pair[0].words) > FLAGGED), key=lambda pair: -len(pair[0].words))
        return [
            {"words": len(span.words), "text": " ".join(span.words), "source": span.source, "generation": name}
            for span, name in found[:most]
        ]


def compare(found: Index, texts: Sequence[str], prompts: Sequence[str]) -> Copied:
    """Spans of every text."""
    copied = [spans(found, text, prompt) for text, prompt in zip(texts, prompts, strict=True)]
    return Copied(copied, [len(reading.words(reading.plain(reading.normal(text)))) for text in texts])


def without(text: str, copied: Sequence[Span]) -> str:
    """The text with flagged spans cut out."""
    plain = reading.plain(reading.normal(text))
    places = [match.span() for match in reading.WORD.finditer(plain)]
    cut = [
        (places[span.start][0], places[span.start + len(span.words) - 1][1])
        for span in copied
        if len(span.words) > FLAGGED
    ]
    return reading.outside(plain, cut)
