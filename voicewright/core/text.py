"""Reading a text: plain characters, words, sentences, paragraphs, quoted speech, italics."""

from __future__ import annotations

import re
from collections.abc import Iterator

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+|\.\.\.|[.,;:!?\"()—]")
HEADING = re.compile(r"^#{1,6}\s.*$", re.MULTILINE)
PARAGRAPH_BREAK = re.compile(r"\n\s*\n")
# An emphasised span holds no blank line and touches its markers: `*so*`, `_so_`, not `2 * 3 * 4`.
ITALIC = re.compile(r"(?<![*\w])([*_])(?=[^\s*_])((?:(?!\n\s*\n)[^*_]){1,600}?)(?<=[^\s*_])\1(?![*\w])")
BOLD = re.compile(r"(\*\*|__)(?=\S)(.{1,600}?)(?<=\S)\1", re.DOTALL)
ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Rev|Col|Capt|Gen|Prof|Messrs|Esq|No|vol|etc|i\.e|e\.g|[A-Z])\.$")
SENTENCE_END = re.compile(r"[.!?]+[\"')\]]*(?=\s+[\"'(\[]?[^\W_a-z]|\s*$)")
CURLY = str.maketrans(
    {
        "“": '"',
        "”": '"',
        "„": '"',
        "«": '"',
        "»": '"',
        "’": "'",
        "‘": "'",
        "ʼ": "'",
        "…": "...",
        "–": "—",
        "―": "—",
        "\u00a0": " ",
        "\ufeff": "",
        "\u00ad": "",
    }
)
DOUBLE_QUOTED = re.compile(r'"(?:(?!\n\s*\n)[^"])*(?:"|(?=\n\s*\n)|\Z)')
SINGLE_QUOTED = re.compile(r"(?<![\w'])'(?=[^\s'])(?:[^']|(?<=\w)'(?=\w))*?[^\s]'(?!\w)")


def listed(words: str) -> frozenset[str]:
    """A set of words written in one line."""
    return frozenset(words.split())


def normal(text: str) -> str:
    """The text with one spelling of quotes, dashes and ellipses; emphasis marks are kept."""
    text = text.replace("\r\n", "\n").translate(CURLY)
    return re.sub(r"(?<=\w)\s?--+\s?(?=\w)|--+", "—", text)


def plain(text: str) -> str:
    """`normal` text without headings and emphasis marks: what is counted as words and punctuation."""
    text = HEADING.sub("", normal(text))
    return ITALIC.sub(r"\2", BOLD.sub(r"\2", text))


def words(text: str) -> list[str]:
    """Lower-case words; `don't` is one word, numbers are none. `text` is normal or plain."""
    return WORD.findall(text.lower())


def first_words(text: str, count: int) -> str:
    """The text up to its `count`-th run of characters without a blank, spacing kept."""
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    return text if len(ends) <= count else text[: ends[count - 1]]


def paragraphs(text: str) -> list[str]:
    """Paragraphs: apart by a blank line, or a line each where no blank line parts them."""
    parts = PARAGRAPH_BREAK.split(text)
    if len(parts) == 1 and text.count("\n") > 2:
        lines = text.split("\n")
        # Hard-wrapped prose has lines of one width; a paragraph a line does not.
        if max(len(line) for line in lines) > 120:
            parts = lines
    return [part.strip() for part in parts if part.strip()]


def sentences(paragraph: str) -> list[str]:
    """Sentences of a paragraph; common abbreviations and initials do not end one."""
    found, start = [], 0
    for match in SENTENCE_END.finditer(paragraph):
        if match.group() == "." and ABBREVIATION.search(paragraph, max(0, match.end() - 8), match.end()):
            continue
        found.append(paragraph[start : match.end()].strip())
        start = match.end()
    if paragraph[start:].strip():
        found.append(paragraph[start:].strip())
    return [sentence for sentence in found if WORD.search(sentence)]


def speech_mark(text: str) -> str:
    """The mark that opens quoted speech in this (normal) text: `"` or `'`."""
    double = text.count('"') / 2
    single = len(SINGLE_QUOTED.findall(text))
    return "'" if single > 4 * max(1.0, double) else '"'


def speech_spans(text: str) -> list[tuple[int, int]]:
    """Character spans of quoted speech in a normal text, marks included.

    Speech left open at the end of a paragraph ends there: so do authors who reopen it in the next one.
    """
    if speech_mark(text) == "'":
        return [match.span() for match in SINGLE_QUOTED.finditer(text)]
    return [match.span() for match in DOUBLE_QUOTED.finditer(text)]


def outside(text: str, spans: list[tuple[int, int]], start: int = 0, end: int | None = None) -> str:
    """What of text[start:end] lies outside sorted spans, which leave a space behind."""
    end = len(text) if end is None else end
    kept, at = [], start
    for low, high in spans:
        if high <= at or low >= end:
            continue
        kept.append(text[at : max(at, low)])
        at = min(high, end)
    kept.append(text[at:end])
    return " ".join(kept)


def narration(text: str) -> str:
    """A normal text without its quoted speech."""
    return outside(text, speech_spans(text))


def italics(text: str) -> list[str]:
    """Emphasised spans of a normal text, Markdown's or Gutenberg's (`*so*`, `_so_`)."""
    return [match.group(2) for match in ITALIC.finditer(BOLD.sub(r"\2", text))]


def spans_of(text: str, size: int) -> list[tuple[int, int]]:
    """Character spans of pieces of exactly `size` words; a shorter rest is left out."""
    starts = [match.start() for match in WORD.finditer(text)]
    return [
        (starts[i], starts[i + size] if i + size < len(starts) else len(text))
        for i in range(0, len(starts) - size + 1, size)
    ]


def blocks(text: str, size: int) -> Iterator[str]:
    """Cut a text into pieces of exactly `size` words; a shorter rest is left out."""
    return (text[start:end] for start, end in spans_of(text, size))
