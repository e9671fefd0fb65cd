"""Cutting a chapter into passages within token bounds, at the best boundaries.

The cuts of a chapter are chosen together (dynamic programming over its paragraphs), so that no passage is
too short because the one before it was filled greedily. Cost of a passage:

    where it ends (scene 0, paragraph 1, sentence 3, inside a sentence 30)
    + (1 - tokens / max)^2
    + 1000 + d if it is d tokens short
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from voicewright.core.text import sentence_spans
from voicewright.data.cleaned_text import Section, Span, paragraphs
from voicewright.data.tokenizers import Count

Boundary = Literal["chapter", "scene", "paragraph", "sentence", "word", "character"]
COST: dict[Boundary, float] = {"chapter": 0, "scene": 0, "paragraph": 1, "sentence": 3, "word": 30, "character": 60}
TOO_SHORT = 1000.0
_WORD = re.compile(r"\s*\S+\s*$|\s*\S+")


@dataclass(frozen=True)
class Chunk:
    """A passage `text[start:end]` of a document."""

    start: int
    end: int
    tokens: int
    ends_at: Boundary
    reason: str | None = None
    """Why it is out of bounds or cut inside a sentence; None where it is neither."""


@dataclass(frozen=True)
class Atom:
    """A stretch that is not cut further."""

    start: int
    end: int
    tokens: int
    ends_at: Boundary


def chunk(
    text: str, parts: Sequence[Section], count: Count, low: int, high: int, estimate: Count | None = None
) -> list[list[Chunk]]:
    """The passages of each chapter, tiling it: of `low` to `high` tokens each, or with a reason why not.

    The bounds hold in tokens of `count`; cuts are planned by `estimate`, where that is faster.
    """
    estimate = estimate or count
    spans = [[*paragraphs(text, (part.start, part.end))] for part in parts]
    counts = iter(estimate([text[start:end] for each in spans for start, end, _ in each]))
    atoms = [[Atom(a, b, next(counts), "scene" if scene else "paragraph") for a, b, scene in each] for each in spans]
    return [_chunk_chapter(text, each, count, low, high, estimate) for each in atoms]


def _chunk_chapter(text: str, atoms: list[Atom], count: Count, low: int, high: int, estimate: Count) -> list[Chunk]:
    aim_low, aim_high = low, high
    for attempt in range(16):
        chunks = _cut(text, atoms, estimate, aim_low, aim_high)
        exact = count([text[c.start : c.end] for c in chunks])
        # Tokens do not quite add up over a cut inside a paragraph: aim a little narrower and cut again.
        excess = max(exact) - high
        deficit = low - min(exact) if len(exact) > 1 and sum(exact) >= low else 0
        long_enough = deficit <= 0 or any(c.reason for c in chunks)
        if excess <= 0 and long_enough:
            break
        aim_high = max(1, aim_high - max(excess, 0) * 2**attempt)
        aim_low = min(aim_low + (0 if long_enough else deficit), aim_high)
    return [
        Chunk(c.start, c.end, tokens, c.ends_at, _reason(c, tokens, low, whole=len(chunks) == 1))
        for c, tokens in zip(chunks, exact, strict=True)
    ]


def _reason(chunk: Chunk, tokens: int, low: int, *, whole: bool) -> str | None:
    if tokens < low:
        return "the chapter is shorter than min_tokens" if whole else "no boundary within the bounds"
    if chunk.ends_at in ("word", "character"):
        return f"a sentence longer than max_tokens is cut at a {chunk.ends_at}"
    return None


def _cut(text: str, atoms: list[Atom], count: Count, low: int, high: int) -> list[Chunk]:
    """Cut at paragraphs; where a passage would be too short that way, at sentences too."""
    fitting = _refine(text, atoms, count, high, every=False)
    chunks = _best(fitting, low, high)
    if any(c.tokens < low for c in chunks) and sum(a.tokens for a in atoms) >= low:
        chunks = _best(_refine(text, atoms, count, high, every=True), low, high)
    return [Chunk(c.start, c.end, c.tokens, c.ends_at, "short" if c.tokens < low else None) for c in chunks]


def _refine(text: str, atoms: list[Atom], count: Count, high: int, *, every: bool) -> list[Atom]:
    """Break the paragraphs that are longer than `high` (or all of them) into sentences, long sentences into words."""
    refined: list[Atom] = []
    for atom in atoms:
        if atom.tokens <= high and not every:
            refined.append(atom)
            continue
        spans = sentence_spans(text, atom.start, atom.end)
        counts = count([text[a:b] for a, b in spans])
        parts: list[Atom] = []
        for (start, end), tokens in zip(spans, counts, strict=True):
            if tokens <= high:
                parts.append(Atom(start, end, tokens, "sentence"))
            else:
                parts += _words(text, (start, end), count, high)
        parts[-1] = Atom(parts[-1].start, atom.end, parts[-1].tokens, atom.ends_at)
        refined += parts
    return refined


def _words(text: str, span: Span, count: Count, high: int) -> list[Atom]:
    """Stretches of at most `high` tokens of a sentence that is longer, at words, at worst inside one."""
    spans = [m.span() for m in _WORD.finditer(text, *span)]
    atoms: list[Atom] = []
    for (start, end), tokens in zip(spans, count([text[a:b] for a, b in spans]), strict=True):
        if tokens <= high:
            atoms.append(Atom(start, end, tokens, "word"))
            continue
        step = max(1, (end - start) * high // (2 * tokens))
        cuts = [*range(start, end, step), end]
        parts = [text[a:b] for a, b in pairwise(cuts)]
        for a, part, n in zip(cuts, parts, count(parts), strict=False):
            atoms.append(Atom(a, a + len(part), n, "character"))
        atoms[-1] = Atom(atoms[-1].start, end, atoms[-1].tokens, "word")
    atoms[-1] = Atom(atoms[-1].start, span[1], atoms[-1].tokens, "sentence")
    return atoms


def _best(atoms: list[Atom], low: int, high: int) -> list[Chunk]:
    """The cheapest way to join atoms into passages of at most `high` tokens."""
    n = len(atoms)
    total = np.concatenate([[0], np.cumsum([a.tokens for a in atoms])]).astype(np.float64)
    ends = np.array([COST[a.ends_at] for a in atoms])
    ends[-1] = COST["chapter"]
    # last[i]: one past the last atom that a passage beginning at i may take.
    last = np.maximum(np.searchsorted(total, total + high, side="right") - 1, np.arange(n + 1) + 1)
    cost = np.zeros(n + 1)
    choice = np.zeros(n, dtype=np.int64)
    for i in range(n - 1, -1, -1):
        tokens = total[i + 1 : last[i] + 1] - total[i]
        short = low - tokens
        options = cost[i + 1 : last[i] + 1] + ends[i : last[i]] + (1 - tokens / high) ** 2
        options += (short > 0) * (TOO_SHORT + short)
        best = int(options.argmin())
        cost[i], choice[i] = options[best], i + 1 + best
    chunks: list[Chunk] = []
    i = 0
    while i < n:
        j = int(choice[i])
        ends_at: Boundary = "chapter" if j == n else atoms[j - 1].ends_at
        chunks.append(Chunk(atoms[i].start, atoms[j - 1].end, int(total[j] - total[i]), ends_at))
        i = j
    return chunks
