"""Readers compared on the real files: why prepare reads each format with what it does.

    python -m tests.perf.readers

Needs requirements/perf.in and the real files of shared/data. PDF: word error rate outside mathematics, raw text with
nothing but its line-end hyphens joined (ours: as prepare makes it). HTML: words and italics kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.perf.pdf_error_rate import ANY, CHAPTER, FOLDER, by_chapter, errors, words, words_of_tex
from voicewright.core.paths import REPO_DIR
from voicewright.data.readers import html, markdown, pdf

BOOKS = REPO_DIR.parent / "shared/data/books_formats"
_ITALIC = re.compile(r"(?<![*_])([*_])(?![*_\s])[^*_\n]+\1(?![*_])")


def with_pypdfium2(path: Path) -> str:
    import pypdfium2

    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path))


def with_pdfplumber(path: Path) -> str:
    import pdfplumber  # type: ignore[import-not-found, unused-ignore]

    with pdfplumber.open(path) as document:
        return "\n".join(page.extract_text() or "" for page in document.pages)


def with_pypdf(path: Path) -> str:
    import pypdf  # type: ignore[import-not-found, unused-ignore]

    return "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)


def with_markitdown(path: Path) -> str:
    from markitdown import MarkItDown  # type: ignore[import-not-found, unused-ignore]

    return str(MarkItDown().convert(str(path)).text_content)


def ours_pdf(path: Path) -> str:
    return markdown.join(pdf.read(path).paragraphs)


def ours_html(path: Path) -> str:
    return markdown.join(html.to_paragraphs(path.read_text(encoding="utf-8")))


def error_rate(text: str) -> str:
    """Percent of word errors in a text of the whole book, or why it cannot be told."""
    text = re.sub(r"(?:-|\ufffe)\s*\n", "", text.replace("\r", ""))
    text = re.sub(r"(?m)^(?:# )?CHAPTER (?=[IVX]+\s*$)", f"{CHAPTER} CHAPTER ", text)
    if CHAPTER not in text:
        return "no chapters found"
    text = text[text.index(CHAPTER) : text.rindex("INDEX")]
    reference = by_chapter(words_of_tex((FOLDER / "41568-t.tex").read_text(encoding="latin-1")))
    found = by_chapter(words(text))
    if len(reference) != len(found):
        return f"{len(found)} chapters of {len(reference)}"
    count = sum(errors(a, b)[0] for a, b in zip(reference, found, strict=True))
    total = sum(word != ANY for chapter in reference for word in chapter)
    return f"{100 * count / total:.2f}% word errors"


def kept(text: str) -> str:
    """Words and italic spans."""
    return f"{len(text.split()):,} words, {len(_ITALIC.findall(text))} italics"


def compare(path: Path, readers: Mapping[str, Callable[[Path], str]], judge: Callable[[str], str]) -> None:
    """Print a line for each reader of one file."""
    print(path.name)
    for name, read in readers.items():
        began = time.process_time()
        try:
            text = read(path)
        except Exception as error:
            print(f"  {name:14} failed: {error}")
            continue
        seconds = time.process_time() - began
        print(f"  {name:14}{seconds:8.2f} s  {judge(text)}")


def main() -> None:
    readers = {"ours": ours_pdf, "pypdfium2": with_pypdfium2, "pypdf": with_pypdf, "pdfplumber": with_pdfplumber}
    compare(FOLDER / "41568-pdf.pdf", {**readers, "markitdown": with_markitdown}, error_rate)
    for name in ("Hawthorne_TwiceToldTales.htm", "wodehouse_xhtml/chapter-1.xhtml", "wodehouse_xhtml/chapter-23.xhtml"):
        compare(BOOKS / name, {"ours": ours_html, "markitdown": with_markitdown}, kept)


if __name__ == "__main__":
    main()
