"""One file of prose as one cleaned text, whatever its format."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate

from voicewright.core.documents.stats import Drop
from voicewright.data import tokenizers
from voicewright.data.cleaned_text import CleanedText
from voicewright.data.errors import Unreadable
from voicewright.data.readers import formats, markdown
from voicewright.data.readers.decoding import decode
from voicewright.data.readers.markdown import Prose
from voicewright.data.sources import File
from voicewright.recipe.schema import Data

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\ufeff\ufffe\uffff]")
# Typesetters' spaces become plain ones; marks of no width are removed.
_SPACES = str.maketrans(
    {**dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f", " "), "\u2060": "", "\u200b": ""}
)
_PUNCTUATION = str.maketrans({c: r for cs, r in (("‘’‚‛", "'"), ("“”„‟", '"'), ("–—―−", "-")) for c in cs})
_GUTENBERG_START = re.compile(
    r"\*\*\*\s*START OF (?:THE|THIS) PROJECT GUTENBERG EBOOK.*?\*\*\*", re.IGNORECASE | re.DOTALL
)
_GUTENBERG_END = re.compile(
    r"^[#* ]*(?:\*\*\*\s*END OF (?:THE|THIS) PROJECT GUTENBERG EBOOK"
    r"|End of (?:the |this )?Project Gutenberg(?:'s|’s)?\b"
    r"|\*\*\*\s*START: FULL LICENSE)",
    re.IGNORECASE | re.MULTILINE,
)
_GUTENBERG_CREDITS = re.compile(
    r"\A\s*(?:(?:Produced|E-?text prepared|Transcribed|This ebook was produced) (?:by|from)\b.*?"
    r"|Proofreading Team\b.*?|\[Transcriber['’]s Note.*?|\[?Illustration.*?)\n\n",
    re.IGNORECASE | re.DOTALL,
)


def read(file: File, data: Data, control_tokens: re.Pattern[str] | None = None) -> CleanedText:
    """The cleaned text of a file. Raises Unreadable, with the line or page where it is known."""
    prose = formats.read(file.path)
    changes: dict[str, int] = {}  # what was left out or changed, and how many words
    if prose.encoding != "utf-8":
        changes[f"read as {prose.encoding}"] = 0
    if control_tokens:
        prose, count = _without_control_tokens(prose, control_tokens, file, remove=data.special_tokens == "remove")
        if count:
            changes[f"{count} control token(s) of a model"] = 0
    prose, count = _printable(prose)
    if count:
        changes[f"{count} control character(s)"] = 0
    text, pages = _joined(prose)
    body, words = without_gutenberg(text)
    if words:
        changes["Project Gutenberg's header, credits and licence"] = words
        begin = text.find(body[:500].rstrip())
        text, pages = body, [max(0, offset - begin) for offset in pages]
    if data.plain_punctuation:
        text = straight(text)
    if not text.strip():
        raise Unreadable("holds no text; take it out")
    dropped = [Drop(source=file.label, reason=reason, words=words) for reason, words in changes.items()]
    return CleanedText(file.label, file.source, text, pages, dropped)


def straight(text: str) -> str:
    """The text with straight quotes, and hyphens for dashes."""
    return text.translate(_PUNCTUATION)


def without_gutenberg(text: str) -> tuple[str, int]:
    """A cleaned text without Project Gutenberg's header, credits and licence, and how many words those had."""
    start = _GUTENBERG_START.search(text[:40_000])
    if not start and not _GUTENBERG_END.search(text):
        return text, 0
    body = text[start.end() :].lstrip() if start else text
    end = _GUTENBERG_END.search(body)
    if end:
        body = body[: end.start()].rstrip("\n* #") + "\n"
    while credits := _GUTENBERG_CREDITS.match(body):
        body = body[credits.end() :].lstrip()
    return body, len(text.split()) - len(body.split())


def _without_control_tokens(prose: Prose, tokens: re.Pattern[str], file: File, *, remove: bool) -> tuple[Prose, int]:
    """The prose without control tokens, and how many those were.

    Raises Unreadable, with page or line, at the first one unless `remove`.
    """
    paragraphs: list[str] = []
    total = 0
    for i, paragraph in enumerate(prose.paragraphs):
        try:
            text, count = tokenizers.without_control_tokens(paragraph, tokens, remove=remove)
        except Unreadable as error:
            where = f"page {prose.pages[i]}" if prose.pages else _line_of(file, tokens)
            raise Unreadable(error.what, where=where) from None
        paragraphs.append(text)
        total += count
    return Prose(paragraphs, prose.pages, prose.encoding), total


def _printable(prose: Prose) -> tuple[Prose, int]:
    """The prose without control characters (and how many those were) and without paragraphs that have no others."""
    substitutions = [_CONTROL.subn("", paragraph.translate(_SPACES)) for paragraph in prose.paragraphs]
    with_text = [i for i, (text, _) in enumerate(substitutions) if text.strip()]
    paragraphs = [substitutions[i][0] for i in with_text]
    pages = [prose.pages[i] for i in with_text if prose.pages]
    return Prose(paragraphs, pages, prose.encoding), sum(count for _, count in substitutions)


def _line_of(file: File, tokens: re.Pattern[str]) -> str:
    """The line of a text file in which a token stands; "" in formats without lines."""
    try:
        text = decode(file.path.read_bytes()).text
    except Unreadable:
        return ""
    match = tokens.search(text)
    return str(text.count("\n", 0, match.start()) + 1) if match else ""


def _joined(prose: Prose) -> tuple[str, list[int]]:
    """The cleaned text, and for formats with pages the offset in it at which each page begins."""
    text = markdown.join(prose.paragraphs)
    if len(prose.pages) != text.count("\n\n") + 1:
        return text, []
    starts = accumulate((len(paragraph) + 2 for paragraph in text.split("\n\n")), initial=0)
    return text, _first_of_each(zip(prose.pages, starts, strict=False))


def _first_of_each(places: Iterable[tuple[int, int]]) -> list[int]:
    """Offsets by page: entry n is where page n+1 begins (or where the page before it goes on)."""
    offsets: list[int] = []
    for page, start in places:
        while len(offsets) < page:
            offsets.append(start)
    return offsets
