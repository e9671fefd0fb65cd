"""One file of prose in, one cleaned document out, whatever its format."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate

from voicewright.data import control_tokens as control
from voicewright.data import plain_text, readers
from voicewright.data.boilerplate import without_gutenberg
from voicewright.data.document import Document, Drop
from voicewright.data.errors import Unreadable
from voicewright.data.file_types import kind
from voicewright.data.readers import html
from voicewright.data.readers.decoding import decode
from voicewright.data.sources import File
from voicewright.recipe.schema import Data

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\ufeff\ufffe\uffff]")
# Typesetters' spaces become plain ones; marks of no width go.
_SPACES = str.maketrans(
    {**dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f", " "), "\u2060": "", "\u200b": ""}
)
_PUNCTUATION = str.maketrans({c: r for cs, r in (("‘’‚‛", "'"), ("“”„‟", '"'), ("–—―−", "-")) for c in cs})


def read(file: File, data: Data, control_tokens: re.Pattern[str] | None = None) -> Document:
    """The cleaned text of a file. Raises Unreadable, with line or page where known."""
    found = kind(file.path)
    dropped: list[Drop] = []
    pages: list[int] = []
    if found in readers.formats():
        paragraphs, pages = readers.read(found, file.path)
    else:
        paragraphs = _text(file, found, dropped)
    if control_tokens:
        _refuse_or_remove(paragraphs, pages, control_tokens, file, dropped, remove=data.special_tokens == "remove")
    paragraphs, pages, controls = _printable(paragraphs, pages)
    if controls:
        dropped.append(Drop(file.label, f"{controls} control character(s)", 0))
    text, pages = _joined(paragraphs, pages)
    kept, words = without_gutenberg(text)
    if words:
        dropped.append(Drop(file.label, "Project Gutenberg's header, credits and licence", words))
        begin = text.find(kept[:500].rstrip())
        pages = [max(0, offset - begin) for offset in pages]
        text = kept
    if data.plain_punctuation:
        text = straight(text)
    if not text.strip():
        raise Unreadable("holds no text; take it out")
    return Document(file.label, file.source, text, pages, dropped)


def straight(text: str) -> str:
    """The text with straight quotes, and hyphens for dashes."""
    return text.translate(_PUNCTUATION)


def _text(file: File, found: str, dropped: list[Drop]) -> list[str]:
    if found == "json":
        raise Unreadable("is JSON, not prose; give its source a shape: chat, instruction, preference or modes")
    decoded = decode(file.path.read_bytes())
    if decoded.encoding != "utf-8":
        dropped.append(Drop(file.label, f"read as {decoded.encoding}", 0))
    if found == "html":
        return html.to_paragraphs(decoded.text)
    return plain_text.paragraphs(plain_text.lines_of(decoded.text))


def _refuse_or_remove(
    paragraphs: list[str], pages: list[int], tokens: re.Pattern[str], file: File, dropped: list[Drop], *, remove: bool
) -> None:
    """Take control tokens out of the paragraphs, or raise Unreadable at the first with its page or line."""
    total = 0
    for i, paragraph in enumerate(paragraphs):
        try:
            paragraphs[i], count = control.without(paragraph, tokens, remove=remove)
        except Unreadable as error:
            raise Unreadable(error.what, where=f"page {pages[i]}" if pages else _line_of(file, tokens)) from None
        total += count
    if total:
        dropped.append(Drop(file.label, f"{total} control token(s) of a model", 0))


def _printable(paragraphs: list[str], pages: list[int]) -> tuple[list[str], list[int], int]:
    """Paragraphs without control characters (and how many those were), before offsets of pages are counted in them."""
    counted = [_CONTROL.subn("", paragraph.translate(_SPACES)) for paragraph in paragraphs]
    kept = [i for i, (text, _) in enumerate(counted) if text.strip()]
    return [counted[i][0] for i in kept], [pages[i] for i in kept if pages], sum(count for _, count in counted)


def _line_of(file: File, tokens: re.Pattern[str]) -> str:
    """The line of a text file in which a token stands; "" in formats without lines."""
    try:
        text = decode(file.path.read_bytes()).text
    except Unreadable:
        return ""
    found = tokens.search(text)
    return str(text.count("\n", 0, found.start()) + 1) if found else ""


def _joined(paragraphs: list[str], pages: list[int]) -> tuple[str, list[int]]:
    """The cleaned text, and for formats with pages where in it each paragraph's page begins."""
    text = plain_text.join(paragraphs)
    if len(pages) != text.count("\n\n") + 1:
        return text, []
    starts = accumulate((len(paragraph) + 2 for paragraph in text.split("\n\n")), initial=0)
    return text, _first_of_each(zip(pages, starts, strict=False))


def _first_of_each(places: Iterable[tuple[int, int]]) -> list[int]:
    """Offsets by page: entry n is where page n+1 begins (or where the page before it goes on)."""
    offsets: list[int] = []
    for page, start in places:
        while len(offsets) < page:
            offsets.append(start)
    return offsets
