"""PDF: the lines of each page (pdf_layout.py puts them in reading order), joined into paragraphs over lines and pages.

Running heads, running feet and page numbers are removed; end-of-line hyphens are undone by the book's own vocabulary.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from voicewright.data.errors import Unreadable
from voicewright.data.readers import markdown
from voicewright.data.readers.markdown import Prose
from voicewright.data.readers.pdf_layout import HYPHEN, Line, Page, read_pages

# A scan has fewer: not even a caption's.
MIN_CHARACTERS_A_PAGE = 25
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ROMAN_OR_NUMBER = re.compile(r"\b(?:[ivxlcdm]+|[IVXLCDM]+|\d+)\b")


@dataclass
class _Paragraph:
    text: str
    page: int
    """The number of the page on which it begins."""


def reads(path: Path, head: bytes) -> bool:  # noqa: ARG001
    return b"%PDF-" in head[:1024]


def read(path: Path) -> Prose:
    """The text of a PDF. Raises Unreadable."""
    pages = read_pages(path)
    letters = sum(len(line.text) for page in pages for line in page.lines)
    if letters < MIN_CHARACTERS_A_PAGE * len(pages):
        raise Unreadable(
            f"has {len(pages)} page(s) and next to no text: it is scanned. Run OCR first "
            "(ocrmypdf in.pdf out.pdf) and give the result"
        )
    _remove_running_heads(pages)
    paragraphs = _join(pages)
    whole_words = (re.sub(rf"\S+{HYPHEN}\S+", " ", paragraph.text) for paragraph in paragraphs)
    vocabulary = Counter(word.lower() for text in whole_words for word in _WORDS.findall(text))
    texts = [_unhyphenate(paragraph.text, vocabulary) for paragraph in paragraphs]
    return Prose(markdown.mark_headings(texts, numerals=False), [paragraph.page for paragraph in paragraphs])


def _remove_running_heads(pages: list[Page]) -> None:
    """Remove the first or last lines of pages that repeat from page to page, or number the pages."""
    for top in (True, False):
        edges = [(page, page.edge(top)) for page in pages if page.lines]
        texts = [" ".join(line.text for line in row) for _, row in edges]
        unnumbered = [_ROMAN_OR_NUMBER.sub("", text).strip().lower() for text in texts]
        repeats = Counter(unnumbered)
        numbered = [(page.number, text) for (page, _), text in zip(edges, texts, strict=True)]
        offsets = Counter(number - page for page, text in numbered for number in _numbers_at_edges(text))
        offset, count = offsets.most_common(1)[0] if offsets else (0, 0)
        previous: set[str] = set()
        for (page, row), text, title in zip(edges, texts, unnumbered, strict=True):
            numbers_page = count >= 3 and page.number + offset in _numbers_at_edges(text)
            # The first of its kind without a number may be the heading that the others repeat.
            repeated = repeats[title] >= 3 and len(text) < 90 and (title in previous or title != text.lower())
            previous.add(title)
            certain = (numbers_page and repeated) or ((numbers_page or repeated) and page.is_apart(row))
            if certain and not markdown.is_heading(text, numerals=False):
                page.lines = [line for line in page.lines if line not in row]


def _numbers_at_edges(text: str) -> list[int]:
    words = re.sub(r"[^\w\s]", " ", text).split()
    return [int(word) for word in {*words[:1], *words[-1:]} if word.isdecimal() and len(word) < 5]


def _join(pages: list[Page]) -> list[_Paragraph]:
    """Lines into paragraphs.

    Footnotes (small print down to the page's end) wait for the end of the paragraph that they interrupt.
    """
    sizes = Counter[float]()
    for page in pages:
        for line in page.lines:
            sizes[line.size] += len(line.text)
    body_size = sizes.most_common(1)[0][0]
    numbered = _numbered_chapters(pages)
    paragraphs: list[_Paragraph] = []
    footnotes: list[Line] = []
    above: Line | None = None
    for page in pages:
        for i, line in enumerate(page.lines):
            if all(lower.size < 0.93 * body_size for lower in page.lines[i:]):
                footnotes.append(line)
                continue
            begins = above is None or _begins(line, above, page, i)
            if begins and footnotes:
                paragraphs.append(_Paragraph(" ".join(each.marked for each in footnotes), page.number))
                footnotes = []
            after_heading = bool(paragraphs) and paragraphs[-1].text.startswith("# ")
            if line.size > 1.15 * body_size and len(line.text) < 100:
                same_heading = not begins or (above is not None and above.size == line.size and i > 0)
                if same_heading and after_heading:
                    paragraphs[-1].text += f" {line.text}"
                else:
                    paragraphs.append(_Paragraph(f"# {line.text}", page.number))
            elif begins and page.number in numbered and line is page.lines[0]:
                paragraphs.append(_Paragraph(f"# {line.text}", page.number))
            elif begins or after_heading:
                paragraphs.append(_Paragraph(line.marked, page.number))
            else:
                paragraphs[-1].text = _glue(paragraphs[-1].text, line.marked)
            above = line
    return paragraphs + [_Paragraph(line.marked, pages[-1].number) for line in footnotes]


def _begins(line: Line, above: Line, page: Page, index: int) -> bool:
    """Whether a line begins a paragraph: indented, or below a gap, or after a line that stops short."""
    if markdown.is_heading(line.text, numerals=False) or markdown.is_heading(above.text, numerals=False):
        return True
    if (
        markdown.is_title(above.text)
        and not markdown.is_title(line.text)
        and above.left > page.margin(above) + line.size
    ):
        return True
    sentence_ended = above.text.rstrip("\"'”’)*").endswith((".", "!", "?", ":", "—"))
    indented = line.left > page.margin(line) + 0.6 * line.size
    if index == 0:
        return sentence_ended and (indented or (line.text[:1].isupper() and above.short))
    gap = above.bottom - line.bottom
    if not sentence_ended:
        # Displayed formulas and figures stand apart inside a sentence; a title page's lines are no sentences.
        return gap > 1.8 * page.leading and line.text[:1].isupper()
    return indented or above.short or gap > 1.45 * page.leading


def _numbered_chapters(pages: list[Page]) -> set[int]:
    """Pages that open with a bare chapter number: 1, 2, 3 in a row, or they are something else."""
    opening = [page for page in pages if page.lines and page.below(0) > 1.45 * page.leading]
    numbers = [(page.number, int(page.lines[0].text)) for page in opening if page.lines[0].text.isdecimal()]
    steps = [later - earlier for (_, earlier), (_, later) in pairwise(numbers)]
    return {page for page, _ in numbers} if len(steps) > 1 and steps.count(1) >= 0.8 * len(steps) else set()


def _glue(text: str, line: str) -> str:
    if text.endswith("*") and line.startswith("*") and not text.endswith("**"):  # italics over two lines
        text, line = text[:-1], line[1:]
    if re.search(r"[^\W\d_]-$", text) and line[:1].islower():
        text = text[:-1] + HYPHEN
    return f"{text}{line}" if text.endswith(HYPHEN) else f"{text} {line}"


def _unhyphenate(text: str, vocabulary: Counter[str]) -> str:
    """Decide each end-of-line hyphen by the spelling that the book uses elsewhere.

    Where it uses neither, the hyphen stays between two words that the book knows.
    """

    def decide(match: re.Match[str]) -> str:
        left, right = match[1], match[2]
        whole, hyphened = (left + right).lower(), f"{left}-{right}".lower()
        two_words = vocabulary[left.lower()] and vocabulary[right.lower()]
        if vocabulary[hyphened] > vocabulary[whole] or (not vocabulary[whole] and (two_words or right[0].isupper())):
            return f"{left}-{right}"
        return left + right

    text = re.sub(rf"([^\W\d_]+){HYPHEN}([^\W\d_]+)", decide, text)
    return text.replace(HYPHEN, "-")
