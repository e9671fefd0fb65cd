"""A cleaned text and its parts: chapters, scenes, paragraphs, as character spans that tile it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from voicewright.core.documents.stats import Drop
from voicewright.data.readers.markdown import SCENE_BREAK

Span = tuple[int, int]

_HEADING = re.compile(r"^#{1,6}[ \t]+(\S.*)$", re.MULTILINE)
_PARAGRAPH_END = re.compile(r"\n{2,}")


@dataclass(frozen=True)
class CleanedText:
    """One file's cleaned text in Markdown."""

    label: str
    """The path as a person would write it."""
    source: str
    """Name of the recipe's source that it belongs to."""
    text: str
    pages: list[int] = field(default_factory=list)
    """Where each page begins, for formats that have pages."""
    dropped: list[Drop] = field(default_factory=list)

    def place(self, start: int, end: int) -> str:
        """Where a passage comes from: `file:start-end` in the cleaned text.

        In a file with pages `file:p3:start-end`, the page being the one on which the passage's first paragraph begins.
        """
        page = bisect_right(self.pages, start)
        return f"{self.label}:{f'p{page}:' if page else ''}{start}-{end}"

    @property
    def cleaned_path(self) -> str:
        """The file below data/ that holds the cleaned text."""
        name = self.label.replace("../", "").strip("/")
        # Not `.md` alone: `notes` and `notes.md` may stand side by side.
        return f"cleaned/{self.source}/{name if name.endswith('.md') else f'{name}.cleaned.md'}"

    def cleaned_place(self, start: int, end: int) -> str:
        """The same passage in the file of the cleaned text: `cleaned/...:start-end`."""
        return f"{self.cleaned_path}:{start}-{end}"


@dataclass(frozen=True)
class Section:
    """A chapter: from its heading (if it has one) to the next."""

    title: str
    start: int
    end: int


def sections(text: str, shortest: int = 200) -> list[Section]:
    """The chapters of a text, tiling it; consecutive headings open one chapter together.

    A stretch of fewer than `shortest` characters (a title page, a dedication) belongs to the chapter after it,
    at the end of the text to the one before it.
    """
    starts: list[tuple[int, str]] = []
    body_from = 0
    for match in _HEADING.finditer(text):
        title = match[1].strip().strip("*_# ")
        if starts and not text[body_from : match.start()].strip():
            begin, above = starts[-1]
            starts[-1] = (begin, f"{above}: {title}")
        else:
            starts.append((match.start(), title))
        body_from = match.end()
    if not starts or starts[0][0] > 0:
        starts.insert(0, (0, ""))
    joined: list[Section] = []
    for (begin, title), (end, _) in pairwise([*starts, (len(text), "")]):
        section = Section(title, begin, end)
        if joined and joined[-1].end - joined[-1].start < shortest:
            section = Section(section.title or joined[-1].title, joined.pop().start, section.end)
        joined.append(section)
    if len(joined) > 1 and joined[-1].end - joined[-1].start < shortest:
        last = joined.pop()
        joined[-1] = Section(joined[-1].title, joined[-1].start, last.end)
    return [Section(" ".join(s.title.split())[:200], s.start, s.end) for s in joined if s.end > s.start]


def paragraphs(text: str, span: Span) -> Iterator[tuple[int, int, bool]]:
    """Spans of paragraphs with the blank lines after them; True where a scene ends.

    A heading belongs to the paragraph below it, a scene break to the paragraph above it.
    """
    begin, end = span
    cuts = [begin, *(m.end() for m in _PARAGRAPH_END.finditer(text, begin, end)), end]
    start = begin
    for a, b in pairwise(cuts):
        if a == b or (text.startswith("#", a) and _HEADING.match(text, a, b) and b < end):
            continue
        if b < end and text.startswith(SCENE_BREAK, b):
            continue
        yield start, b, text[a:b].strip() == SCENE_BREAK
        start = b
    if start < end:
        yield start, end, False


def scenes(text: str, span: Span) -> list[Span]:
    """The scenes of a chapter, tiling it."""
    start, spans = span[0], []
    for _, end, closes in paragraphs(text, span):
        if closes or end == span[1]:
            spans.append((start, end))
            start = end
    return spans
