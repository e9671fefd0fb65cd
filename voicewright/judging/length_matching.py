"""Cutting two texts at sentence ends to the same number of words, so that length gives nothing away."""

from __future__ import annotations

import re

# A full stop, question or exclamation mark, with closing quotes, brackets or italics after it.
SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]*_]*(?=\s|$)")
ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Prof|vs|etc|cf|[A-Z])\.$")

# How much of the shorter text must be left by a cut for it to be worth the equality.
MOST_OF = 0.6


def tidy(text: str) -> str:
    """The text without space at line ends or more than one empty line; nothing else is touched."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def sentence_ends(text: str) -> list[int]:
    """Character positions at which a sentence is over."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    return [end for end in ends if not ABBREVIATION.search(text[max(0, end - 8) : end])]


def cut_points(text: str, max_words: int) -> list[tuple[int, int]]:
    """(words, characters) at each sentence end up to `max_words`; one cut between words if there is none."""
    points = []
    for end in sentence_ends(text):
        words = len(text[:end].split())
        if words > max_words:
            break
        points.append((words, end))
    if points:
        return points
    spans = [match.end() for match in re.finditer(r"\S+", text)][:max_words]
    return [(len(spans), spans[-1])] if spans else []


def to_equal_words(first: str, second: str, max_words: int) -> tuple[str, str]:
    """Both texts cut at a sentence end, at most 5% apart in words where that leaves most of the shorter one.

    Where it does not, 10%, then 20% apart; failing that, as long as can be. ("", "") when either has no words.
    """
    first, second = tidy(first), tidy(second)
    ends_first, ends_second = cut_points(first, max_words), cut_points(second, max_words)
    if not ends_first or not ends_second:
        return "", ""
    reach = min(ends_first[-1][0], ends_second[-1][0])
    cut = (ends_first[-1][1], ends_second[-1][1])
    for tolerance in (0.05, 0.1, 0.2):
        near = [
            (min(a, b), end_a, end_b)
            for a, end_a in ends_first
            for b, end_b in ends_second
            if abs(a - b) <= tolerance * max(a, b)
        ]
        longest = max(near, default=(0, 0, 0))
        if longest[0] >= MOST_OF * reach:
            cut = longest[1:]
            break
    return first[: cut[0]].rstrip(), second[: cut[1]].rstrip()


def opening(text: str, max_words: int) -> str:
    """The text up to the last sentence end within `max_words`."""
    text = tidy(text)
    points = cut_points(text, max_words)
    return text[: points[-1][1]].rstrip() if points else ""
