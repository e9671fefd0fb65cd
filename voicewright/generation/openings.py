"""Openings cut from the author's passages, each with the author's true continuation as its reference."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from voicewright.core.records import Row, content_id

T = TypeVar("T")
# A continuation shorter than this is no reference.
MIN_REFERENCE_WORDS = 40
WORD = re.compile(r"\S+")
SENTENCE_START = re.compile(r"(?:\A|(?<=[.!?…])[\"'”’)*_]*\s+|\n\s*\n)(?=\S)")


@dataclass(frozen=True)
class Opening:
    """Where a text of the author's is broken off, and how it really goes on."""

    id: str
    text: str
    reference: str
    source: str
    """The source of the row in which it begins."""


@dataclass(frozen=True)
class _Stretch:
    """Consecutive rows of one section, joined."""

    text: str
    starts: list[tuple[int, str]]
    """Where each row begins, and its source."""


def cut(rows: Iterable[Row], count: int, opening_words: int, reference_words: int) -> list[Opening]:
    """Up to `count` openings of `opening_words` words, spread evenly over the text.

    Each begins at a sentence and no two overlap; a short text gives fewer. References have at most
    `reference_words` words and end where their section does.
    """
    places = []
    seen = set()
    for stretch in _stretches(rows):
        words = [match.span() for match in WORD.finditer(stretch.text)]
        sentences = {match.end() for match in SENTENCE_START.finditer(stretch.text)}
        last = len(words) - opening_words - MIN_REFERENCE_WORDS
        free = 0
        for i, (start, _) in enumerate(words[: max(0, last + 1)]):
            text = stretch.text[start : words[i + opening_words - 1][1]]
            # A refrain is asked once.
            if start in sentences and i >= free and text not in seen:
                places.append((stretch, words, i))
                seen.add(text)
                free = i + opening_words
    return [_opening(*place, opening_words, reference_words) for place in spread(places, count)]


def spread(items: list[T], count: int) -> list[T]:
    """`count` of the items at even distances, in their order; all of them if there are no more."""
    if count >= len(items):
        return items
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]


def first_words(text: str, count: int) -> str:
    """The text up to its `count`-th word, spacing kept."""
    ends = [match.end() for match in WORD.finditer(text)]
    return text if len(ends) <= count else text[: ends[count - 1]]


def _opening(
    stretch: _Stretch, words: list[tuple[int, int]], i: int, opening_words: int, reference_words: int
) -> Opening:
    start, end = words[i][0], words[i + opening_words - 1][1]
    stop = words[min(i + opening_words + reference_words, len(words)) - 1][1]
    text = stretch.text[start:end]
    source = next(source for begin, source in reversed(stretch.starts) if begin <= start)
    return Opening(content_id(text), text, stretch.text[end:stop].strip(), source)


def _stretches(rows: Iterable[Row]) -> list[_Stretch]:
    """Rows of a section joined again: the chunks of a document follow one another without a gap."""
    by_section: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_section.setdefault((str(row.get("work")), str(row.get("section"))), []).append(row)
    stretches = []
    for members in by_section.values():
        text, starts = "", []
        for row in members:
            if text and not (text[-1].isspace() or row["text"][:1].isspace()):
                text += "\n\n"
            starts.append((len(text), str(row["source"])))
            text += row["text"]
        stretches.append(_Stretch(text, starts))
    return stretches
