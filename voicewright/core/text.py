"""Reading a text: plain characters, words, sentences, paragraphs, quoted speech, italics.

What a word and a sentence are is decided here, for every stage: passages are cut, openings begin, pairs are trimmed
and style is counted by the same boundaries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+|\.\.\.|[.,;:!?\"()—]")
HEADING = re.compile(r"^#{1,6}\s.*$", re.MULTILINE)
PARAGRAPH_BREAK = re.compile(r"\n\s*\n")
# An emphasised span holds no blank line and touches its markers: `*so*`, `_so_`, not `2 * 3 * 4`.
ITALIC = re.compile(r"(?<![*\w])([*_])(?=[^\s*_])((?:(?!\n\s*\n)[^*_]){1,600}?)(?<=[^\s*_])\1(?![*\w])")
BOLD = re.compile(r"(\*\*|__)(?=\S)(.{1,600}?)(?<=\S)\1", re.DOTALL)
# Stops, with the quotes, brackets and emphasis marks that close after them, before the end of a paragraph or a word.
_STOP = re.compile(r"[.!?…]+[\"'”’»)\]*_]*(?=[ \t]*\n\s*\n|\s*\Z|\s+[\"'“‘«(\[*_—]*([^\W_]))")
_ABBREVIATION = re.compile(
    r"(?<!\w)(?:Mr|Mrs|Ms|Messrs|Mme|Mlle|Dr|St|Mt|Rev|Hon|Prof|Capt|Col|Gen|Lt|Lieut|Maj|Sgt|Sr|Jr|Esq|Ave|vs|viz|etc|cf"
    r"|e\.g|i\.e|[A-Z])\.$"
)
# `No. 5`, but not `No. Five of them.`
_NUMBERED = re.compile(r"(?<!\w)(?:[Nn]os?|[Vv]ols?|[Cc]h|[Ff]ig|pp?)\.$")
_NUMERAL = re.compile(r"\s+(?:\d|[IVXLC]+\b)")
# `said I. Then`: the pronoun, where an initial follows a name or begins a sentence.
_PRONOUN = re.compile(r"[a-z,;]\s+I\.$")
_LONGEST_ABBREVIATION = 10
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


def sentence_ends(text: str, start: int = 0, end: int | None = None) -> list[int]:
    """Positions right after each whole sentence of text[start:end], closing quotes included.

    A sentence ends in a stop before a paragraph's end or a word that is not in lower case (`"Why?" he said.` is one
    sentence). Abbreviations, initials and `No.` before a number do not end one. The text may be raw or `normal`, of
    one paragraph or many.
    """
    end = len(text) if end is None else end
    return [match.end() for match in _STOP.finditer(text, start, end) if _ends_sentence(text, match, start, end)]


def _ends_sentence(text: str, stop: re.Match[str], start: int, end: int) -> bool:
    if stop[1] and stop[1].islower():
        return False
    if stop[0] != ".":
        return True
    begin, after = max(start, stop.end() - _LONGEST_ABBREVIATION), stop.end()
    if _ABBREVIATION.search(text, begin, after):
        return bool(_PRONOUN.search(text, begin, after))
    return not (_NUMBERED.search(text, begin, after) and _NUMERAL.match(text, after, end))


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Spans of sentences that tile text[start:end]; the last one may be a sentence that breaks off.

    The space between two goes with the second, as byte-level BPE has it.
    """
    end = len(text) if end is None else end
    cuts = [start, *(cut for cut in sentence_ends(text, start, end) if text[cut:end].strip()), end]
    return [(a, b) for a, b in pairwise(cuts) if a < b]


def sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph, without space around them; what has no word in it is none."""
    parts = (paragraph[start:end].strip() for start, end in sentence_spans(paragraph))
    return [part for part in parts if WORD.search(part)]


def tidy(text: str) -> str:
    """The text without space at line ends or more than one empty line; nothing else is touched."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def cut_points(text: str, max_words: int) -> list[tuple[int, int]]:
    """(words, characters) at each sentence end up to `max_words`; one cut between words if there is none."""
    points = []
    for end in sentence_ends(text):
        words = len(text[:end].split())
        if words > max_words:
            break
        points.append((words, end))
    if points:
        return points
    spans = [match.end() for match in re.finditer(r"\S+", text)][:max_words]
    return [(len(spans), spans[-1])] if spans else []


def opening(text: str, max_words: int) -> str:
    """The text up to the last sentence end within `max_words`."""
    text = tidy(text)
    points = cut_points(text, max_words)
    return text[: points[-1][1]].rstrip() if points else ""


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
    parts, position = [], start
    for low, high in spans:
        if high <= position or low >= end:
            continue
        parts.append(text[position : max(position, low)])
        position = min(high, end)
    parts.append(text[position:end])
    return " ".join(parts)


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
