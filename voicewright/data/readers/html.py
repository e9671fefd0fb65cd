"""HTML into paragraphs of Markdown: headings, *italics*, **bold**, verse lines and scene breaks survive."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from voicewright.data.errors import parsing_foreign_data
from voicewright.data.readers.decoding import decode
from voicewright.data.readers.markdown import SCENE_BREAK, Prose

BLOCKS = {"p", "div", "section", "article", "blockquote", "li", "ul", "ol", "dl", "dt", "dd", "table", "tr", "header"}
BLOCKS |= {"footer", "figure", "figcaption", "pre", "hgroup", "body", "main", "aside", "center", "address"}
HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
SKIPPED = {"head", "script", "style", "nav", "svg", "math", "template", "noscript", "object", "iframe"}
EMPTY = {"br", "hr", "img", "meta", "link", "input", "col", "area", "base", "embed", "source", "track", "wbr"}
MARKS = {"em": "*", "i": "*", "cite": "*", "b": "**", "strong": "**"}
_START = re.compile(rb"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!doctype html|<html)", re.IGNORECASE | re.DOTALL)
# Numbers of printed pages, note marks and tables of contents are not the writer's prose.
_FURNITURE = re.compile(r"\b(?:pagenum|pageno|pagebreak|noteref|fnanchor|toc)\b", re.IGNORECASE)


def reads(path: Path, head: bytes) -> bool:  # noqa: ARG001
    return bool(_START.match(head.lstrip(b"\xef\xbb\xbf \t\r\n")))


def read(path: Path) -> Prose:
    """The text of an HTML page. Raises Unreadable."""
    decoded = decode(path.read_bytes())
    return Prose(to_paragraphs(decoded.text), encoding=decoded.encoding)


@parsing_foreign_data()
def to_paragraphs(text: str) -> list[str]:
    """The paragraphs of an HTML page, in Markdown."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    parser.end_block()
    return parser.paragraphs


class _Parser(HTMLParser):
    """Collects one block at a time; tags that are never closed do no harm."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.paragraphs: list[str] = []
        self.block: list[str] = []
        self.level = 0  # of the heading that is open
        self.titles = 0  # open hgroups, in which a <p> is a title
        self.pre = 0
        self.skipping: list[str] = []  # open tags since one that is skipped
        self.open: list[tuple[str, str]] = []  # emphasis that is open: tag, mark

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.skipping:
            if tag not in EMPTY and tag not in {"p", "li"}:
                self.skipping.append(tag)
            return
        attributes = " ".join(value or "" for key, value in attrs if key in ("class", "epub:type", "role", "id"))
        if tag in SKIPPED or (
            tag not in EMPTY and _FURNITURE.search(attributes) and tag not in HEADINGS and tag != "body"
        ):
            self.skipping.append(tag)
        elif tag == "br":
            self.block.append("\n")
        elif tag == "hr":
            self.end_block()
            self.paragraphs.append(SCENE_BREAK)
        elif tag in HEADINGS or tag in BLOCKS:
            self.end_block()
            self.level = HEADINGS.get(tag, 0)
            self.titles += tag == "hgroup"
            self.pre += tag == "pre"
        elif tag in MARKS and not self.level:
            mark = MARKS[tag]
            nested = any(mark == other for _, other in self.open)
            self.open.append((tag, "" if nested else mark))
            self.block.append("" if nested else f"\0{mark}")

    def handle_endtag(self, tag: str) -> None:
        if self.skipping:
            if tag in self.skipping:
                del self.skipping[len(self.skipping) - 1 - self.skipping[::-1].index(tag) :]
        elif tag in HEADINGS or tag in BLOCKS:
            self.end_block()
            self.titles -= tag == "hgroup" and self.titles > 0
            self.pre -= tag == "pre" and self.pre > 0
        elif any(tag == other for other, _ in self.open):
            index = max(i for i, (other, _) in enumerate(self.open) if other == tag)
            self.block.append(f"{self.open.pop(index)[1]}\0")

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.block.append(data if self.pre else re.sub(r"[ \t\r\n\f]+", " ", data))

    def end_block(self) -> None:
        """Close the block that is open, if there is text in it."""
        for _, mark in reversed(self.open):
            self.block.append(f"{mark}\0" if mark else "")
        text = _inline("".join(self.block))
        self.block = [f"\0{mark}" for _, mark in self.open if mark]
        level, self.level = self.level, 0
        if not text:
            return
        if level or self.titles:
            self.paragraphs.append(f"{'#' * (level or 3)} {' '.join(text.split())}")
        else:
            self.paragraphs += re.split(r"\n{2,}", text) if self.pre else [text]


def _inline(text: str) -> str:
    """Emphasis hugging its words, single spaces, lines without edges. `\\0*` opens, `*\\0` closes."""
    text = re.sub(r"\0(\*+)(\s*)\1\0", r"\2", text)  # nothing inside
    text = re.sub(r"\0(\*+)(\s+)", r"\2\1", text)
    text = re.sub(r"(\s+)(\*+)\0", r"\2\1", text)
    text = re.sub(r"[ \t]+", " ", text.replace("\0", ""))
    return "\n".join(line.strip() for line in text.split("\n")).strip()
