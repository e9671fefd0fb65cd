"""PDF: the text of each page in reading order, joined into paragraphs over lines and pages.

Running heads, feet and page numbers go; end-of-line hyphens are undone where the book's own vocabulary says so.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

from voicewright.data import plain_text
from voicewright.data.errors import Unreadable
from voicewright.data.readers.pdf_layout import HYPHEN, Line, Page, pages

# Fewer characters a page than a caption has: the pages are pictures.
TEXT_OF_A_PICTURE = 25
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ROMAN_OR_NUMBER = re.compile(r"\b(?:[ivxlcdm]+|[IVXLCDM]+|\d+)\b")


def reads(path: Path, head: bytes) -> bool:  # noqa: ARG001
    return b"%PDF-" in head[:1024]


def paged(path: Path) -> tuple[list[str], list[int]]:
    """The paragraphs of a PDF, in Markdown, and the page (from 1) on which each begins. Raises Unreadable."""
    found = pages(path)
    letters = sum(len(line.text) for page in found for line in page.lines)
    if letters < TEXT_OF_A_PICTURE * len(found):
        raise Unreadable(
            f"has {len(found)} page(s) and next to no text: it is scanned. Run OCR first "
            "(ocrmypdf in.pdf out.pdf) and give the result"
        )
    _drop_furniture(found)
    joined = _join(found)
    whole = (re.sub(rf"\S+{HYPHEN}\S+", " ", text) for text, _ in joined)
    vocabulary = Counter(word.lower() for text in whole for word in _WORDS.findall(text))
    texts = plain_text.mark_headings([_unhyphenate(text, vocabulary) for text, _ in joined], numerals=False)
    return texts, [page for _, page in joined]


def _drop_furniture(found: list[Page]) -> None:
    """Take off the first or last lines of pages that repeat from page to page, or count the pages."""
    for top in (True, False):
        edges = [(page, page.edge(top)) for page in found if page.lines]
        texts = [" ".join(line.text for line in row) for _, row in edges]
        bares = [_ROMAN_OR_NUMBER.sub("", text).strip().lower() for text in texts]
        repeats = Counter(bares)
        pages_and_texts = [(page.number, text) for (page, _), text in zip(edges, texts, strict=True)]
        offsets = Counter(number - page for page, text in pages_and_texts for number in _numbers_at_edges(text))
        offset, often = offsets.most_common(1)[0] if offsets else (0, 0)
        seen: set[str] = set()
        for (page, row), text, bare in zip(edges, texts, bares, strict=True):
            counted = often >= 3 and page.number + offset in _numbers_at_edges(text)
            # The first of its kind without a number may be the heading that the others repeat.
            repeated = repeats[bare] >= 3 and len(text) < 90 and (bare in seen or bare != text.lower())
            seen.add(bare)
            sure = (counted and repeated) or ((counted or repeated) and page.apart(row))
            if sure and not plain_text.is_heading(text, numerals=False):
                page.lines = [line for line in page.lines if line not in row]


def _numbers_at_edges(text: str) -> list[int]:
    words = re.sub(r"[^\w\s]", " ", text).split()
    return [int(word) for word in {*words[:1], *words[-1:]} if word.isdecimal() and len(word) < 5]


def _join(found: list[Page]) -> list[tuple[str, int]]:
    """Lines into paragraphs, each with the number of the page it begins on.

    Footnotes (small print down to the page's end) wait for the end of the paragraph that they interrupt.
    """
    sizes = Counter[float]()
    for page in found:
        for line in page.lines:
            sizes[line.size] += len(line.text)
    body_size = sizes.most_common(1)[0][0]
    numbered = _numbered_chapters(found)
    joined: list[tuple[str, int]] = []
    aside: list[Line] = []
    above: Line | None = None
    for page in found:
        for i, line in enumerate(page.lines):
            if all(each.size < 0.93 * body_size for each in page.lines[i:]):
                aside.append(line)
                continue
            fresh = above is None or _begins(line, above, page, i)
            if fresh and aside:
                joined.append((" ".join(each.marked for each in aside), page.number))
                aside = []
            if line.size > 1.15 * body_size and len(line.text) < 100:
                same = not fresh or (above is not None and above.size == line.size and i > 0)
                if same and joined and joined[-1][0].startswith("# "):
                    joined[-1] = (f"{joined[-1][0]} {line.text}", joined[-1][1])
                else:
                    joined.append((f"# {line.text}", page.number))
            elif fresh and page.number in numbered and line is page.lines[0]:
                joined.append((f"# {line.text}", page.number))
            elif fresh or joined[-1][0].startswith("# "):
                joined.append((line.marked, page.number))
            else:
                joined[-1] = (_glue(joined[-1][0], line.marked), joined[-1][1])
            above = line
    return joined + [(line.marked, found[-1].number) for line in aside]


def _begins(line: Line, above: Line, page: Page, index: int) -> bool:
    """Whether a line begins a paragraph: indented, or below a gap, or after a line that stops short."""
    if plain_text.is_heading(line.text, numerals=False) or plain_text.is_heading(above.text, numerals=False):
        return True
    if (
        plain_text.is_title(above.text)
        and not plain_text.is_title(line.text)
        and above.left > page.margin(above) + line.size
    ):
        return True
    ended = above.text.rstrip("\"'”’)*").endswith((".", "!", "?", ":", "—"))
    indented = line.left > page.margin(line) + 0.6 * line.size
    if index == 0:
        return ended and (indented or (line.text[:1].isupper() and above.short))
    gap = above.bottom - line.bottom
    if not ended:
        # Displayed formulas and figures stand apart inside a sentence; a title page's lines are no sentences.
        return gap > 1.8 * page.leading and line.text[:1].isupper()
    return indented or above.short or gap > 1.45 * page.leading


def _numbered_chapters(found: list[Page]) -> set[int]:
    """Pages that open with a bare chapter number: 1, 2, 3 in a row, or they are something else."""
    opening = [page for page in found if page.lines and page.below(0) > 1.45 * page.leading]
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
    """Decide each end-of-line hyphen: whichever spelling the book uses elsewhere; unheard-of, two words keep it."""

    def decide(match: re.Match[str]) -> str:
        left, right = match[1], match[2]
        whole, hyphened = (left + right).lower(), f"{left}-{right}".lower()
        two_words = vocabulary[left.lower()] and vocabulary[right.lower()]
        if vocabulary[hyphened] > vocabulary[whole] or (not vocabulary[whole] and (two_words or right[0].isupper())):
            return f"{left}-{right}"
        return left + right

    text = re.sub(rf"([^\W\d_]+){HYPHEN}([^\W\d_]+)", decide, text)
    return text.replace(HYPHEN, "-")
