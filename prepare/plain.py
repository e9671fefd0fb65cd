"""Plain text and Markdown as writers keep them, brought into one Markdown spelling.

Paragraphs stand a blank line apart, headings start with `#`, a scene break is `* * *`, *italics* stay.
Hard-wrapped lines are joined; verse keeps its lines.
"""

from __future__ import annotations

import re
from itertools import pairwise
from statistics import median, quantiles

SCENE_BREAK = "* * *"
_BREAK = re.compile(r"^\s*(?:(?:[*#~•·⁂❦❧◇◆─—_-]|\\\*)\s*){3,}\s*$|^\s*(?:⁂|❦|❧|#)\s*$")
_NUMBER = (
    r"(?:[IVXLC]+|[ivxlc]+|\d+|(?:the\s+)?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last)"
    r"|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?))"
)
_CHAPTER = re.compile(
    rf"^(?:chapter|book|part|volume|letter|act|canto)\s+{_NUMBER}(?:\s*[.:)\]—–-]+\s*.{{0,90}})?$", re.IGNORECASE
)
_CAPS_CHAPTER = re.compile(r"^(?:CHAPTER|BOOK|PART|VOLUME)\s+(?:[IVXLC]+|\d+)\b[^a-z]{0,80}$")
_NAMED = re.compile(
    r"^(?:(?:author's )?(?:preface|note)|prologue|epilogue|introduction|interlude|foreword|afterword|conclusion"
    r"|contents|dedication|finis|the end)[.:]?$",
    re.IGNORECASE,
)
_NUMERAL = re.compile(r"^(?:[IVXLC]{1,7}|\d{1,3})\.?$")
_LIST = re.compile(r"^\s*(?:[-+*>|]\s|\d+[.)]\s)")
_UNDERLINE = re.compile(r"^(?:={3,}|-{3,})$")


def to_markdown(text: str) -> str:
    """The cleaned text: one Markdown spelling, ending in one newline (or empty)."""
    lines = [line.rstrip() for line in _newlines(text).split("\n")]
    marked = any(re.match(r"#{1,6}\s+\S", line) for line in lines)
    paragraphs = _paragraphs(lines)
    if not marked:
        paragraphs = _mark_headings(paragraphs)
    return "\n\n".join(paragraphs) + "\n" if paragraphs else ""


def _newlines(text: str) -> str:
    return text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").replace("\u2028", "\n")


def _paragraphs(lines: list[str]) -> list[str]:
    width = wrap_width(lines)
    paragraphs: list[str] = []
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip() and not _BREAK.match(line) and not re.match(r"#{1,6}\s", line):
            if block and _UNDERLINE.match(line) and len(block) == 1:
                paragraphs.append(f"# {block[0].strip()}")
                block = []
            else:
                block.append(line)
            continue
        paragraphs += _unwrap(block, width)
        block = []
        if _BREAK.match(line):
            paragraphs.append(SCENE_BREAK)
        elif line.strip():
            paragraphs.append(line.strip())
    return paragraphs


def wrap_width(lines: list[str]) -> int | None:
    """The column at which a file is hard-wrapped, or None if it is not.

    Judged by lines that another line follows directly: wrapped prose fills most of them.
    """
    inner = [len(a.strip()) for a, b in pairwise(lines) if a.strip() and b.strip()]
    if len(inner) < 8:
        return None
    typical = median(inner)
    width = round(quantiles([n for n in inner if n <= 1.25 * typical], n=20)[-1])
    full = sum(0.75 * width <= n <= 1.05 * width for n in inner)
    return width if 40 <= width <= 120 and full >= 0.5 * len(inner) else None


def _unwrap(block: list[str], width: int | None) -> list[str]:
    """Split the lines between two blank lines into paragraphs.

    A line goes on in the next when the next one's first word would not have fitted on it and the next is not indented.
    """
    if not block:
        return []
    joined: list[tuple[str, int]] = []  # text, number of lines it was made of
    previous = ""
    for line in block:
        words = line.split()
        room = 0 if width is None else width - len(previous.strip())
        goes_on = width is not None and -20 <= room < len(words[0]) + 5
        indented = line[0].isspace() and not previous[:1].isspace()
        if joined and goes_on and not indented and not _LIST.match(line):
            text, count = joined[-1]
            joined[-1] = (f"{text} {line.strip()}", count + 1)
        else:
            joined.append((line.strip(), 1))
        previous = line
    short = 0.75 * (width or 72)
    paragraphs: list[str] = []
    for i, (text, count) in enumerate(joined):
        verse = i > 0 and count == 1 and joined[i - 1][1] == 1 and len(text) < short and len(joined[i - 1][0]) < short
        if verse or (i > 0 and _LIST.match(text)):
            paragraphs[-1] += f"\n{text}"
        else:
            paragraphs.append(text)
    return paragraphs


def _mark_headings(paragraphs: list[str]) -> list[str]:
    """Put `#` before what is a chapter's heading, and before the title under it."""
    marked: list[str] = []
    after_heading = False
    for paragraph in paragraphs:
        plain = paragraph.strip("*_ ")
        if is_heading(plain):
            marked.append(f"# {plain}")
            after_heading = True
        elif after_heading and _is_title(plain):
            marked.append(f"## {plain}")
            after_heading = False
        else:
            marked.append(paragraph)
            after_heading = False
    return marked


def is_heading(line: str) -> bool:
    """Whether a line on its own is a chapter's heading in a text without Markdown."""
    if "\n" in line or len(line) > 110:
        return False
    return any(pattern.match(line) for pattern in (_CHAPTER, _CAPS_CHAPTER, _NAMED, _NUMERAL))


def _is_title(line: str) -> bool:
    letters = [c for c in line if c.isalpha()]
    upper = sum(c.isupper() for c in letters)
    return "\n" not in line and len(line) <= 80 and len(letters) >= 3 and upper > 0.8 * len(letters)
