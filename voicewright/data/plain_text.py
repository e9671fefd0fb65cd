"""Plain text and Markdown as writers keep them, brought into one Markdown spelling.

Paragraphs stand a blank line apart, headings start with `#`, a scene break is `* * *`, *italics* stay.
Hard-wrapped lines are joined; verse keeps its lines.
"""

from __future__ import annotations

import re
from itertools import pairwise

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


def to_markdown(text: str) -> str:
    """The cleaned text of a plain or Markdown file: one spelling, ending in one newline (or empty)."""
    return join(paragraphs(lines_of(text)))


def join(found: list[str]) -> str:
    """Paragraphs (headings and scene breaks among them) as one cleaned text."""
    found = [SCENE_BREAK if _BREAK.match(p) else _MARK.sub(r"\1 ", p) for p in found]
    if not any(map(_MARKED.match, found)):
        found = mark_headings(found)
    return "\n\n".join(found) + "\n" if found else ""


def lines_of(text: str) -> list[str]:
    """The lines of a text, whatever ends them, without spaces at their ends."""
    return [line.rstrip() for line in text.lstrip("\ufeff").splitlines()]


def paragraphs(lines: list[str]) -> list[str]:
    """Lines, hard-wrapped or not, as paragraphs."""
    widths = wrap_widths(lines)
    found: list[str] = []
    first = 0
    for i, line in enumerate([*lines, ""]):
        if line.strip() and not _BREAK.match(line) and not _MARKED.match(line):
            continue
        if i - first == 1 and _UNDERLINE.match(line):
            found.append(f"# {lines[first].strip()}")
        else:
            found += _unwrap(lines, first, i, widths)
            if _BREAK.match(line):
                found.append(SCENE_BREAK)
            elif line.strip():
                found.append(line.strip())
        first = i + 1
    return found


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
    found: list[str] = []
    for i, (text, short) in enumerate(joined):
        if i > 0 and ((short and joined[i - 1][1]) or _LIST.match(text)):
            found[-1] += f"\n{text}"
        else:
            found.append(text)
    return found


def _goes_on(lines: list[str], i: int, width: int) -> bool:
    """Whether line `i` continues the one above: its first word would not have fitted there, or it is mid-sentence."""
    above, line = lines[i - 1].strip(), lines[i].strip()
    indented = lines[i][0].isspace() and not lines[i - 1][:1].isspace()
    if indented or _LIST.match(line) or is_heading(line) or is_heading(above):
        return False
    room = width - len(above)
    mid_sentence = line[0].islower() and 2 * len(above) >= width and not above.endswith((".", "!", "?"))
    return mid_sentence or -20 <= room < len(line.split()[0]) + 5


def mark_headings(found: list[str], *, numerals: bool = True) -> list[str]:
    """Put `#` before what is a chapter's heading, and before the title under it."""
    marked: list[str] = []
    after_heading = False
    for paragraph in found:
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
