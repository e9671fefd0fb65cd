"""Keyness: the words and phrases that set one body of text apart from another."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from voicewright.core import text as reading

FEWEST = 4


@dataclass(frozen=True)
class Key:
    """A word or phrase with its log-likelihood ratio; positive where the first body uses it more."""

    term: str
    score: float
    count: int
    reference: int


def terms(texts: Sequence[str], n: int) -> Counter[str]:
    """Counts of word n-grams; none crosses two texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        words = reading.words(reading.plain(reading.normal(text)))
        counts.update(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    return counts


def keys(texts: Sequence[str], reference: Sequence[str], n: int = 1, most: int = 20) -> tuple[list[Key], list[Key]]:
    """What the texts over-use and under-use against a reference, strongest first.

    Signed log-likelihood ratio (Dunning, Computational Linguistics 19, 1993) in Rayson and Garside's form.
    """
    mine, theirs = terms(texts, n), terms(reference, n)
    m, t = max(1, mine.total()), max(1, theirs.total())
    found = []
    for term in mine.keys() | theirs.keys():
        a, b = mine[term], theirs[term]
        if a + b >= FEWEST:
            expected = (a + b) / (m + t)
            g2 = 2 * sum(x * math.log(x / (size * expected)) for x, size in ((a, m), (b, t)) if x)
            found.append(Key(term, math.copysign(g2, a / m - b / t), a, b))
    found.sort(key=lambda key: (-key.score, key.term))
    over = [key for key in found[:most] if key.score > 0]
    under = [key for key in reversed(found[-most:]) if key.score < 0]
    return over, under
