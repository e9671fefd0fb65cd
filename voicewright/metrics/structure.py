"""Sentence structure: how long sentences, clauses and paragraphs are, and how sentences begin."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import jensenshannon

from voicewright.core import text as reading
from voicewright.metrics import markers
from voicewright.stylometry.features import Floats
from voicewright.stylometry.passages import Passage

SENTENCE_EDGES = (3, 6, 9, 13, 18, 24, 32, 45)
CLAUSE_EDGES = (2, 4, 6, 8, 11, 15, 20)
PARAGRAPH_EDGES = (6, 15, 30, 50, 80, 120, 180)
CLAUSE_END = re.compile(r"[.,;:!?()—\"]+")
# Kinds of words that a sentence begins with; two more are words in -ing or -ly, and all others.
OPENING_KINDS = (
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


def structure_counts(passage: Passage) -> list[Floats]:
    """Histograms of four parts: lengths of sentences, of clauses and of paragraphs, and how sentences begin."""
    paragraphs = reading.paragraphs(passage.plain)
    sentences = [sentence for paragraph in paragraphs for sentence in reading.sentences(paragraph)]
    clauses = [clause for sentence in sentences for clause in CLAUSE_END.split(sentence)]
    return [
        _histogram([_length(sentence) for sentence in sentences], SENTENCE_EDGES),
        _histogram([length for clause in clauses if (length := _length(clause))], CLAUSE_EDGES),
        _histogram([_length(paragraph) for paragraph in paragraphs], PARAGRAPH_EDGES),
        _opening_counts(sentences),
    ]


def structure_similarity(counts: Sequence[Floats], reference: Sequence[Floats]) -> float:
    """1 - the mean Jensen-Shannon distance (base 2) of the four parts: 0 to 1.

    Endres and Schindelin, IEEE Trans. Inf. Theory 2003. A part that is empty on either side is at distance 1.
    """
    distances = [
        float(jensenshannon(own, other, base=2)) if own.any() and other.any() else 1.0
        for own, other in zip(counts, reference, strict=True)
    ]
    return 1.0 - float(np.mean(distances))


def _length(text: str) -> int:
    return len(reading.WORD.findall(text))


def _histogram(lengths: Sequence[int], edges: Sequence[int]) -> Floats:
    return np.bincount(np.searchsorted(edges, lengths), minlength=len(edges) + 1).astype(float)


def _opening_counts(sentences: Sequence[str]) -> Floats:
    counts = np.zeros(len(OPENING_KINDS) + 2)
    for sentence in sentences:
        first = reading.WORD.search(sentence.lower())
        word = first.group() if first else ""
        kind = next(
            (i for i, words in enumerate(OPENING_KINDS) if word in words),
            len(OPENING_KINDS) + word.endswith(("ing", "ly")),
        )
        counts[kind] += 1
    return counts
