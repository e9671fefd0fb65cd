"""The lines of a PDF's pages, with where they stand: pdfium's characters, grouped and put in reading order."""

from __future__ import annotations

import ctypes
import re
import unicodedata
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from voicewright.data.errors import Unreadable
from voicewright.data.readers.markdown import Run, emphasised

HYPHEN = "\ufffe"  # what pdfium puts for a hyphen at the end of a line
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00a0": " "}
)
_ACCENTS = {"`": "\u0300", "´": "\u0301", "ˆ": "\u0302", "˜": "\u0303", "¨": "\u0308", "¸": "\u0327", "ˇ": "\u030c"}
_ITALIC = re.compile(r"ital|obli|CMTI|SFTI|-It\b", re.IGNORECASE)
_MATH = re.compile(r"CMMI|CMSY|CMEX|MSAM|MSBM|Math|Symbol", re.IGNORECASE)


@dataclass
class Line:
    """One line of text; positions in points from the page's bottom left corner."""

    left: float
    right: float
    bottom: float
    size: float
    runs: list[Run]
    short: bool = False
    """It ends well before the right margin."""
    text: str = ""
    marked: str = ""
    """With its italics as Markdown."""

    def __post_init__(self) -> None:
        self.text = emphasised(Run(run.text) for run in self.runs)
        self.marked = emphasised(self.runs)


@dataclass
class Page:
    """A page's lines in reading order."""

    number: int
    lines: list[Line]
    leading: float = 12.0
    """Distance from one line to the next."""
    margins: list[tuple[float, float]] = field(default_factory=list)
    """Left and right edge of each column."""

    def margin(self, line: Line) -> float:
        """The left edge of the line's column."""
        lefts = [left for left, right in self.margins if left - 1 <= line.left < right]
        return lefts[0] if lefts else line.left

    def below(self, index: int) -> float:
        """Distance from a line to the next, 0 after the last."""
        return self.lines[index].bottom - self.lines[index + 1].bottom if index + 1 < len(self.lines) else 0.0

    def edge(self, top: bool) -> list[Line]:
        """The topmost or the lowest line, in its pieces."""
        bottom = (max if top else min)(line.bottom for line in self.lines)
        return [line for line in self.lines if abs(line.bottom - bottom) < 2]

    def is_apart(self, row: list[Line]) -> bool:
        """Whether a row stands further from the other lines than they from one another."""
        gaps = [abs(row[0].bottom - other.bottom) for other in self.lines if other not in row]
        return not gaps or min(gaps) > 1.15 * self.leading


def read_pages(path: Path) -> list[Page]:
    """All pages of a PDF. Raises Unreadable for a damaged or locked one."""
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        locked = "password" in str(error).lower()
        raise Unreadable(
            "is locked with a password; save an unlocked copy" if locked else f"is a damaged PDF ({error})"
        ) from None
    try:
        return [_page(document, i) for i in range(len(document))]
    except pdfium.PdfiumError as error:
        raise Unreadable(f"is a damaged PDF ({error})") from None
    finally:
        document.close()


def _page(document: Any, index: int) -> Page:
    page = document[index]
    textpage = page.get_textpage()
    lines = [line for line in _lines(textpage) if line.text]
    textpage.close()
    page.close()
    leading = _leading(lines)
    lines, margins = _in_columns(lines)
    for line in lines:
        right = max((r for left, r in margins if left - 1 <= line.left < r), default=line.right)
        line.short = line.right < right - 3 * line.size
    return Page(index + 1, lines, leading, margins)


def _lines(textpage: Any) -> list[Line]:
    """Group pdfium's characters, in its order: a new line begins where it breaks one, or jumps to the side."""
    handle = textpage.raw
    lines: list[Line] = []
    runs: list[Run] = []
    boxes: list[tuple[float, float, float, float]] = []  # left, right, baseline, size
    last_font: tuple[bool, float] = (False, 0.0)
    x, y = ctypes.c_double(), ctypes.c_double()
    box = raw.FS_RECTF()

    def end_line() -> None:
        if boxes:
            # The size and the baseline that most of the line has: an exponent or a large initial does not count.
            size = round(median(b[3] for b in boxes), 1)
            baseline = median(b[2] for b in boxes)
            lines.append(Line(min(b[0] for b in boxes), max(b[1] for b in boxes), baseline, size, _composed(runs)))
        runs.clear()
        boxes.clear()

    for i in range(raw.FPDFText_CountChars(handle)):
        code = raw.FPDFText_GetUnicode(handle, i)
        char = HYPHEN if code in (2, 0xFFFE) else chr(code)
        if char in "\r\n":
            end_line()
            continue
        if char.isspace() or raw.FPDFText_IsGenerated(handle, i) == 1:
            runs.append(Run(" " if char.isspace() else char, last_font[0]))
            continue
        raw.FPDFText_GetLooseCharBox(handle, i, box)
        raw.FPDFText_GetCharOrigin(handle, i, x, y)
        size = raw.FPDFText_GetFontSize(handle, i)
        if boxes and box.left - boxes[-1][1] > 2.5 * size:
            end_line()  # a gutter, or the way to a number at the margin
        if not boxes or runs[-1].text == " " or size != last_font[1]:
            last_font = (_italic(handle, i), size)
        runs.append(Run(char, last_font[0]))
        boxes.append((box.left, box.right, y.value, size))
    end_line()
    return lines


def _italic(handle: Any, index: int) -> bool:
    buffer = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    raw.FPDFText_GetFontInfo(handle, index, buffer, 128, flags)
    name = buffer.value.decode("utf-8", "replace")
    return not _MATH.search(name) and (bool(_ITALIC.search(name)) or bool(flags.value & 64))


def _composed(runs: list[Run]) -> list[Run]:
    """Ligatures taken apart, an accent set before its letter joined to it."""
    composed: list[Run] = []
    for run in runs:
        text = run.text.translate(_LIGATURES)
        accent = _ACCENTS.get(composed[-1].text) if composed else None
        if accent and text.isalpha():
            composed[-1] = Run(unicodedata.normalize("NFC", text + accent), run.italic)
        else:
            composed.append(Run(text, run.italic))
    return composed


def _leading(lines: list[Line]) -> float:
    gaps = [a.bottom - b.bottom for a, b in pairwise(lines)]
    positive = [gap for gap in gaps if 4 < gap < 60]
    return median(positive) if positive else 12.0


def _in_columns(lines: list[Line]) -> tuple[list[Line], list[tuple[float, float]]]:
    """Lines in reading order, and the edges of the columns: one, or two with a gutter that few lines cross."""
    if not lines:
        return [], []
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    edges = (left, right)
    narrow = [line for line in lines if line.right - line.left < 0.55 * (right - left)]
    if len(narrow) < 0.7 * len(lines) or len(lines) < 8:
        return _in_rows(lines), [_edges(lines, edges)]
    middle = [(left + right) / 2 + step * (right - left) / 100 for step in range(-15, 16)]
    gutter = min(middle, key=lambda x: sum(line.left < x < line.right for line in lines))
    crossing = [line for line in lines if line.left < gutter < line.right]
    first = [line for line in lines if line.right <= gutter]
    second = [line for line in lines if line.left >= gutter]
    if len(crossing) > 0.2 * len(lines) or min(len(first), len(second)) < 0.2 * len(lines):
        return _in_rows(lines), [_edges(lines, edges)]
    # Lines over the full width divide the page: both columns above one are read before it.
    ordered: list[Line] = []
    for bar in [*sorted(crossing, key=lambda line: -line.bottom), None]:
        for column in (first, second):
            above = [line for line in column if bar is None or line.bottom > bar.bottom]
            ordered += sorted(above, key=lambda line: -line.bottom)
            column[:] = [line for line in column if line not in above]
        ordered += [bar] if bar else []
    lefts = [_edges([line for line in ordered if line.right <= gutter], (left, gutter))]
    return ordered, [*lefts, _edges([line for line in ordered if line.left >= gutter], (gutter, right))]


def _edges(lines: list[Line], fallback: tuple[float, float]) -> tuple[float, float]:
    """Left and right edge of a column: where most lines begin, where the longest end."""
    if not lines:
        return fallback
    starts = sorted(line.left for line in lines)
    return starts[len(starts) // 4], max(line.right for line in lines)


def _in_rows(lines: list[Line]) -> list[Line]:
    """Pieces of one line side by side joined again: pdfium's order, split only at wide gaps."""
    rows: list[Line] = []
    for line in lines:
        above = rows[-1] if rows else None
        if above and abs(above.bottom - line.bottom) < 0.4 * max(above.size, line.size) and line.left > above.right:
            rows[-1] = Line(above.left, line.right, above.bottom, above.size, [*above.runs, Run(" "), *line.runs])
        else:
            rows.append(line)
    return rows
