"""Keyness: the words and phrases that set one body of text apart from another."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from voicewright.core import text as reading

MIN_COUNT = 4


@dataclass(frozen=True)
class KeyTerm:
    """A word or phrase with its log-likelihood ratio; positive where the texts use it more than the reference."""

    term: str
    score: float
    count: int
    reference_count: int


def ngram_counts(texts: Sequence[str], n: int) -> Counter[str]:
    """Counts of word n-grams; none crosses two texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        words = reading.words(reading.plain(reading.normal(text)))
        counts.update(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    return counts


def key_terms(
    texts: Sequence[str], reference: Sequence[str], n: int = 1, max_terms: int = 20
) -> tuple[list[KeyTerm], list[KeyTerm]]:
    """The n-grams that the texts use more, and those that they use less, than a reference; strongest first.

    Signed log-likelihood ratio (Dunning, Computational Linguistics 19, 1993) in Rayson and Garside's form.
    """
    counts, reference_counts = ngram_counts(texts, n), ngram_counts(reference, n)
    total, reference_total = max(1, counts.total()), max(1, reference_counts.total())
    terms = []
    for term in counts.keys() | reference_counts.keys():
        a, b = counts[term], reference_counts[term]
        if a + b >= MIN_COUNT:
            expected = (a + b) / (total + reference_total)
            pairs = ((a, total), (b, reference_total))
            g2 = 2 * sum(x * math.log(x / (size * expected)) for x, size in pairs if x)
            terms.append(KeyTerm(term, math.copysign(g2, a / total - b / reference_total), a, b))
    terms.sort(key=lambda term: (-term.score, term.term))
    overused = [term for term in terms[:max_terms] if term.score > 0]
    underused = [term for term in reversed(terms[-max_terms:]) if term.score < 0]
    return overused, underused
