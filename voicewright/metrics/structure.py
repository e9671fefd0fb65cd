"""Sentence structure: how long sentences, clauses and paragraphs run, and how sentences begin."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from voicewright.core import text as reading
from voicewright.metrics import markers
from voicewright.stylometry.features import Floats
from voicewright.stylometry.passages import Passage

SENTENCE_EDGES = (3, 6, 9, 13, 18, 24, 32, 45)
CLAUSE_EDGES = (2, 4, 6, 8, 11, 15, 20)
PARAGRAPH_EDGES = (6, 15, 30, 50, 80, 120, 180)
CLAUSE_END = re.compile(r"[.,;:!?()—\"]+")
# What a sentence begins with; what is none of these counts as a word in -ing or -ly, or as any other.
KINDS = (
    markers.SECOND,
    markers.FIRST,
    markers.THIRD | {"it", "its", "it's"},
    reading.listed("the a an this that these those"),
    reading.listed("and but or so for yet nor then"),
    reading.listed("when if as while though although because since until after before where whenever once"),
    reading.listed("in on at by with from to of into under over through behind above below between along"),
    reading.listed("what who why how which whose whom"),
    reading.listed("there here there's here's"),
    reading.listed("not no never nothing"),
)


def shape(passage: Passage) -> list[Floats]:
    """Counts in the bins of four parts: lengths of sentences, of clauses, of paragraphs, and sentence openings."""
    paragraphs = reading.paragraphs(passage.plain)
    sentences = [sentence for paragraph in paragraphs for sentence in reading.sentences(paragraph)]
    clauses = [clause for sentence in sentences for clause in CLAUSE_END.split(sentence)]
    return [
        _binned([_length(sentence) for sentence in sentences], SENTENCE_EDGES),
        _binned([length for clause in clauses if (length := _length(clause))], CLAUSE_EDGES),
        _binned([_length(paragraph) for paragraph in paragraphs], PARAGRAPH_EDGES),
        _openings(sentences),
    ]


def likeness(counts: Sequence[Floats], reference: Sequence[Floats]) -> float:
    """1 - the mean Jensen-Shannon distance (root of the divergence, base 2) of the four parts: 0 to 1."""
    return 1.0 - float(np.mean([distance(a, b) for a, b in zip(counts, reference, strict=True)]))


def distance(a: Floats, b: Floats) -> float:
    """Jensen-Shannon distance of two histograms, 0 to 1 (Endres and Schindelin, IEEE Trans. Inf. Theory 2003)."""
    if a.sum() == 0 or b.sum() == 0:
        return 1.0
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        halves = [np.where(x > 0, x * np.log2(x / middle), 0.0).sum() for x in (p, q)]
    return float(np.sqrt(max(0.0, sum(halves) / 2)))


def _length(text: str) -> int:
    return len(reading.WORD.findall(text))


def _binned(lengths: Sequence[int], edges: Sequence[int]) -> Floats:
    return np.bincount(np.searchsorted(edges, lengths), minlength=len(edges) + 1).astype(float)


def _openings(sentences: Sequence[str]) -> Floats:
    counts = np.zeros(len(KINDS) + 2)
    for sentence in sentences:
        first = reading.WORD.search(sentence.lower())
        word = first.group() if first else ""
        kind = next((i for i, words in enumerate(KINDS) if word in words), len(KINDS) + word.endswith(("ing", "ly")))
        counts[kind] += 1
    return counts
