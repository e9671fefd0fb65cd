"""The one Markdown spelling that every format is read into, and plain text and Markdown files brought into it.

Paragraphs stand a blank line apart, headings start with `#`, a scene break is `* * *`, italics are `*so*`.
Hard-wrapped lines are joined; verse keeps its lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

from voicewright.data.readers.decoding import decode

SCENE_BREAK = "* * *"
# Columns at which people and programs wrap prose; longer lines are paragraphs of their own.
NARROWEST, WIDEST = 30, 120
_BREAK = re.compile(r"^\s*(?:(?:[*#~•·⁂❦❧◇◆─—_-]|\\\*)\s*){3,}\s*$|^\s*(?:⁂|❦|❧|#)\s*$")
_NUMBER = (
    r"(?:[IVXLC]+|[ivxlc]+|\d+|(?:the\s+)?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last)"
    r"|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?))"
)
_CHAPTER = re.compile(
    rf"^(?:chapter|book|part|volume|letter|act|canto)\s+{_NUMBER}(?:\s*[.:)\]—–-]+\s*(?:(?-i:[^a-z\s]).{{0,90}})?)?$",
    re.IGNORECASE,
)
_CAPS_CHAPTER = re.compile(r"^(?:CHAPTER|BOOK|PART|VOLUME)\s+(?:[IVXLC]+|\d+)\b[^a-z]{0,80}$")
_NAMED = re.compile(
    r"^(?:(?:author's )?(?:preface|note)|prologue|epilogue|introduction|interlude|foreword|afterword|conclusion"
    r"|contents|dedication)[.:]?$",
    re.IGNORECASE,
)
_NUMERAL = re.compile(r"^(?:[IVXLC]{1,7}|\d{1,3})\.?$")
_LIST = re.compile(r"^\s*(?:[-+*>|]\s|\d+[.)]\s)")
_MARK = re.compile(r"^(#{1,6})\s+(?=\S)")
_MARKED = re.compile(r"#{1,6}\s+\S")
_UNDERLINE = re.compile(r"^(?:={3,}|-{3,})$")


@dataclass(frozen=True)
class Prose:
    """What a reader returns: the text of one file."""

    paragraphs: list[str]
    """In Markdown; headings and scene breaks are paragraphs."""
    pages: list[int] = field(default_factory=list)
    """The page (from 1) on which each paragraph begins; empty for a format without pages."""
    encoding: str = "utf-8"


class Run(NamedTuple):
    """A stretch of text in one style."""

    text: str
    italic: bool = False
    bold: bool = False


def read(path: Path) -> Prose:
    """The text of a plain or Markdown file. Raises Unreadable."""
    decoded = decode(path.read_bytes())
    return Prose(paragraphs(lines_of(decoded.text)), encoding=decoded.encoding)


def to_markdown(text: str) -> str:
    """The cleaned text of a plain or Markdown file: one spelling, ending in one newline (or empty)."""
    return join(paragraphs(lines_of(text)))


def join(blocks: list[str]) -> str:
    """Paragraphs (headings and scene breaks among them) as one cleaned text."""
    blocks = [SCENE_BREAK if _BREAK.match(block) else _MARK.sub(r"\1 ", block) for block in blocks]
    if not any(map(_MARKED.match, blocks)):
        blocks = mark_headings(blocks)
    return "\n\n".join(blocks) + "\n" if blocks else ""


def emphasised(runs: Iterable[Run]) -> str:
    """Runs as Markdown: neighbours of one style under one pair of marks, spaces outside the marks."""
    marked = []
    solid = [run for run in runs if run.text]
    for (italic, bold), group in groupby(solid, key=lambda run: (run.italic, run.bold)):
        text = "".join(run.text for run in group)
        mark = "*" * (italic + 2 * bold)
        core = text.strip()
        lead, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        marked.append(f"{lead}{mark}{core}{mark}{tail}" if core else text)
    joined = re.sub(r"[ \t\r]+", " ", "".join(marked))
    return "\n".join(line.strip() for line in joined.split("\n")).strip()


def lines_of(text: str) -> list[str]:
    """The lines of a text, whatever ends them, without spaces at their ends."""
    return [line.rstrip() for line in text.lstrip("\ufeff").splitlines()]


def paragraphs(lines: list[str]) -> list[str]:
    """Lines, hard-wrapped or not, as paragraphs."""
    widths = wrap_widths(lines)
    blocks: list[str] = []
    first = 0
    for i, line in enumerate([*lines, ""]):
        if line.strip() and not _BREAK.match(line) and not _MARKED.match(line):
            continue
        if i - first == 1 and _UNDERLINE.match(line):
            blocks.append(f"# {lines[first].strip()}")
        else:
            blocks += _unwrap(lines, first, i, widths)
            if _BREAK.match(line):
                blocks.append(SCENE_BREAK)
            elif line.strip():
                blocks.append(line.strip())
        first = i + 1
    return blocks


def wrap_widths(lines: list[str]) -> list[int] | None:
    """The column at which each line's surroundings are hard-wrapped, or None if the file is not.

    Judged by lines that another line follows directly: wrapped prose fills most of them.
    """
    lengths = [len(line.strip()) for line in lines]
    inner = [a if a and b else 0 for a, b in pairwise([*lengths, 0])]
    if sum(map(bool, inner)) < 8:
        return None
    fitting = [n if n <= WIDEST else 0 for n in inner]
    # The second longest nearby: one overlong line says nothing of its neighbours.
    widths = [sorted(fitting[max(0, i - 6) : i + 7])[-2] for i in range(len(lines))]
    full = sum(0.8 * width <= n <= WIDEST for n, width in zip(inner, widths, strict=True) if n and width >= NARROWEST)
    return widths if full >= 0.5 * sum(map(bool, inner)) else None


def _unwrap(lines: list[str], first: int, end: int, widths: list[int] | None) -> list[str]:
    """Split the lines between two blank lines into paragraphs: each line goes on, or begins a line or a paragraph."""
    joined: list[tuple[str, bool]] = []  # text, whether it may be a line of verse
    for i in range(first, end):
        line, above = lines[i].strip(), lines[i - 1].strip() if i > first else ""
        if joined and widths and _goes_on(lines, i, widths[i - 1]):
            joined[-1] = (f"{joined[-1][0]} {line}", False)
        else:
            alone = is_heading(line) or is_heading(above)
            joined.append((line, not alone and len(line) < 0.75 * (widths[i] if widths else 72)))
    blocks: list[str] = []
    for i, (text, short) in enumerate(joined):
        if i > 0 and ((short and joined[i - 1][1]) or _LIST.match(text)):
            blocks[-1] += f"\n{text}"
        else:
            blocks.append(text)
    return blocks


def _goes_on(lines: list[str], i: int, width: int) -> bool:
    """Whether line `i` continues the one above: its first word would not have fitted there, or it is mid-sentence."""
    above, line = lines[i - 1].strip(), lines[i].strip()
    indented = lines[i][0].isspace() and not lines[i - 1][:1].isspace()
    if indented or _LIST.match(line) or is_heading(line) or is_heading(above):
        return False
    room = width - len(above)
    mid_sentence = line[0].islower() and 2 * len(above) >= width and not above.endswith((".", "!", "?"))
    return mid_sentence or -20 <= room < len(line.split()[0]) + 5


def mark_headings(blocks: list[str], *, numerals: bool = True) -> list[str]:
    """Put `#` before what is a chapter's heading, and before the title under it."""
    marked: list[str] = []
    after_heading = False
    for paragraph in blocks:
        plain = paragraph.strip("*_ ")
        if is_heading(plain, numerals=numerals) or _MARKED.match(paragraph):
            marked.append(paragraph if _MARKED.match(paragraph) else f"# {plain}")
            after_heading = True
        elif after_heading and is_title(plain):
            marked.append(f"## {plain}")
            after_heading = False
        else:
            marked.append(paragraph)
            after_heading = False
    return marked


def is_heading(line: str, *, numerals: bool = True) -> bool:
    """Whether a line on its own is a chapter's heading in a text without Markdown; `numerals`: a bare number too."""
    if "\n" in line or len(line) > 110 or line[:1].islower():
        return False
    patterns = (_CHAPTER, _CAPS_CHAPTER, _NAMED, *([_NUMERAL] if numerals else []))
    return any(pattern.match(line) for pattern in patterns)


def is_title(line: str) -> bool:
    """Whether a line is in capitals, as the title under a chapter's number is."""
    letters = [c for c in line if c.isalpha()]
    upper = sum(c.isupper() for c in letters)
    return "\n" not in line and len(line) <= 80 and len(letters) >= 3 and upper > 0.8 * len(letters)
