"""Counts of a text's features: one row of counts for each view of its style, in a fixed vocabulary.

A view is a group of features: words, character n-grams, syntax, punctuation, sentence lengths. The vocabulary is fixed,
so that authors of whom only figures are stored can be compared with new texts. Counts add up: those of a long text are
the sum of its blocks'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicewright.core import text as reading

Floats = NDArray[Any]
Codes = NDArray[np.int64]

VIEWS = ("words", "chars", "syntax", "punctuation", "sentences")
PUNCTUATION = (".", ",", ";", ":", "!", "?", '"', "(", ")", "—", "...", "'")
# Upper edges of the bins of sentence length in words, the last is open.
SENTENCE_EDGES = (2, 4, 6, 8, 10, 12, 15, 18, 21, 25, 29, 34, 40, 47, 55, 70, 90)
FUNCTION_WORDS = 250
# Function words, marks, endings and kinds of token are fewer than this: the base of the codes of their n-grams.
MAX_SHAPES = 1024
SUFFIXES = ("ing", "ed", "ly", "ion", "ness", "er", "est", "s")
CHARS = "abcdefghijklmnopqrstuvwxyz '\",.-"


@dataclass(frozen=True)
class Vocabulary:
    """What is counted in each open view, most frequent first.

    `words`: lower-case words. `chars`: codes of character 3- to 5-grams. `syntax`: codes of 1- to 3-grams of
    tokens in which the `function` words stand for themselves and every other word for its ending.
    """

    words: tuple[str, ...]
    chars: Codes
    function: tuple[str, ...]
    syntax: Codes

    @cached_property
    def _word_ids(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def _shape_ids(self) -> dict[str, int]:
        return shape_ids(self.function)

    @cached_property
    def _char_table(self) -> NDArray[np.uint16]:
        # 36 million entries of which the system only backs the touched pages.
        table = np.zeros(_CHAR_OFFSETS[-1], dtype=np.uint16)
        table[self.chars] = np.arange(1, len(self.chars) + 1)
        return table

    @cached_property
    def _syntax_order(self) -> tuple[Codes, Codes]:
        order = np.argsort(self.syntax)
        return self.syntax[order], order

    def width(self, view: str) -> int:
        """Number of columns of a view."""
        widths = {
            "words": len(self.words),
            "chars": len(self.chars),
            "syntax": len(self.syntax),
            "punctuation": len(PUNCTUATION),
            "sentences": len(SENTENCE_EDGES) + 1,
        }
        return widths[view]

    def count(self, text: str) -> dict[str, Floats]:
        """Counts of one plain text, an array for each view; `*_total` are what rates are taken of."""
        tokens = reading.TOKEN.findall(text)
        words = [token.lower() for token in tokens if token[0].isalpha()]
        counts: dict[str, Floats] = {}
        ids = np.fromiter((self._word_ids.get(word, -1) for word in words), dtype=np.int64, count=len(words))
        counts["words"] = np.bincount(ids[ids >= 0], minlength=len(self.words)).astype(float)
        counts["words_total"] = np.array([float(len(words))])
        grams = self._char_table[char_grams(text)] if len(text) > 8 else np.zeros(0, dtype=np.uint16)
        counts["chars"] = np.bincount(grams, minlength=len(self.chars) + 1)[1:].astype(float)
        counts["chars_total"] = np.array([float(len(text))])
        codes, order = self._syntax_order
        shapes = shape_grams(tokens, self._shape_ids)
        places = np.searchsorted(codes, shapes).clip(0, max(0, len(codes) - 1))
        hits = order[places[codes[places] == shapes]] if len(codes) else places[:0]
        counts["syntax"] = np.bincount(hits, minlength=len(codes)).astype(float)
        counts["syntax_total"] = np.array([float(len(tokens))])
        marks = Counter(token for token in tokens if not token[0].isalnum())
        marks["'"] = sum(word.count("'") for word in words)
        counts["punctuation"] = np.array([float(marks[mark]) for mark in PUNCTUATION])
        counts["punctuation_total"] = counts["words_total"]
        lengths = sentence_lengths(text)
        bins = np.searchsorted(SENTENCE_EDGES, lengths, side="left")
        counts["sentences"] = np.bincount(bins, minlength=len(SENTENCE_EDGES) + 1).astype(float)
        counts["sentences_total"] = np.array([float(len(lengths))])
        return counts

    def table(self, texts: Sequence[str]) -> Counts:
        """Counts of many plain texts."""
        return Counts.stack([self.count(text) for text in texts], self)


@dataclass(frozen=True)
class Counts:
    """Counts of texts: for each view an array (texts, columns), and `<view>_total` (texts, 1)."""

    arrays: dict[str, Floats]

    @staticmethod
    def stack(rows: Sequence[dict[str, Floats]], vocabulary: Vocabulary) -> Counts:
        """One table of the counts of single texts; without any, a table of no rows."""
        names = [(view, vocabulary.width(view)) for view in VIEWS] + [(f"{view}_total", 1) for view in VIEWS]
        # 32-bit floats hold counts up to 16 million exactly.
        return Counts(
            {
                name: np.array([row[name] for row in rows], dtype=np.float32).reshape(len(rows), width)
                for name, width in names
            }
        )

    def __len__(self) -> int:
        return len(self.arrays["words_total"])

    def rows(self, index: NDArray[np.int64] | Sequence[int]) -> Counts:
        """The texts of these rows."""
        rows = np.asarray(index, dtype=np.int64)
        return Counts({name: array[rows] for name, array in self.arrays.items()})

    def total(self) -> Counts:
        """All texts as one."""
        return Counts({name: array.sum(axis=0, keepdims=True) for name, array in self.arrays.items()})

    def merged(self, groups: Sequence[Sequence[int]]) -> Counts:
        """Each group of rows as one text."""
        if len(groups) == 0:
            return self.rows([])
        order = np.concatenate([np.asarray(group, dtype=np.int64) for group in groups])
        starts = np.cumsum([0, *[len(group) for group in groups[:-1]]])
        return Counts({name: np.add.reduceat(array[order], starts, axis=0) for name, array in self.arrays.items()})

    def joined(self, n_neighbours: int) -> Counts:
        """Every `n_neighbours` rows that follow one another as one text; a shorter rest is left out."""
        starts = range(0, len(self) - n_neighbours + 1, n_neighbours)
        return self.merged([range(start, start + n_neighbours) for start in starts])

    def columns(self, selection: Mapping[str, NDArray[np.int64]]) -> Counts:
        """The same texts in a smaller vocabulary: view -> columns to keep, in their order."""
        smaller = {name: self.arrays[name][:, columns] for name, columns in selection.items()}
        return Counts(self.arrays | smaller)

    def rates(self, view: str) -> Floats:
        """Relative frequencies of a view: of words, characters, tokens, words, sentences."""
        rates: Floats = self.arrays[view] / np.maximum(self.arrays[f"{view}_total"], 1.0)
        return rates


def _char_lookup() -> NDArray[np.int64]:
    lookup = np.full(256, CHARS.index("-"), dtype=np.int64)
    for i, char in enumerate(CHARS):
        lookup[ord(char)] = i
    for chars, base in (
        ("àáâãäå", "a"),
        ("ç", "c"),
        ("èéêë", "e"),
        ("ìíîï", "i"),
        ("ñ", "n"),
        ("òóôõö", "o"),
        ("ùúûü", "u"),
        ("\n\t", " "),
        (";:", ","),
        ("!?", "."),
    ):
        for char in chars:
            lookup[ord(char)] = CHARS.index(base)
    return lookup


_CHAR_LOOKUP = _char_lookup()
_BASE = len(CHARS)
# 3-grams take the first codes, then 4-grams, then 5-grams.
_CHAR_OFFSETS = tuple(int(sum(_BASE**k for k in range(3, n))) for n in (3, 4, 5, 6))


def gram_length(codes: Codes) -> Codes:
    """How many characters (3 to 5) each of these codes of `char_grams` stands for."""
    return 2 + np.searchsorted(_CHAR_OFFSETS, codes, side="right")


def char_grams(text: str) -> Codes:
    """Codes of all character 3-, 4- and 5-grams of a text, in lower case, white space as one space."""
    squeezed = " ".join(text.lower().replace("—", "-").split())
    symbols = _CHAR_LOOKUP[np.frombuffer(squeezed.encode("latin-1", "replace"), dtype=np.uint8)]
    grams = symbols[:-1] * _BASE + symbols[1:]
    codes = []
    for n, offset in zip((3, 4, 5), _CHAR_OFFSETS, strict=False):
        grams = grams[:-1] * _BASE + symbols[n - 1 :]
        codes.append(grams + offset)
    return np.concatenate(codes)


def shape_ids(function: Iterable[str]) -> dict[str, int]:
    """A number for each function word, mark, ending and kind of token."""
    kinds = [f"-{suffix}" for suffix in SUFFIXES] + ["Name", "number", "other"]
    return {shape: i + 1 for i, shape in enumerate([*PUNCTUATION, *kinds, *function])}


def shape_grams(tokens: Sequence[str], ids: dict[str, int]) -> Codes:
    """Codes of 1-, 2- and 3-grams of token shapes: content words are masked by their ending.

    Masking keeps syntax and drops topic (text distortion: Stamatatos, EACL 2017).
    """
    shapes = np.fromiter((_shape(token, ids) for token in tokens), dtype=np.int64, count=len(tokens))
    pairs = shapes[:-1] * MAX_SHAPES + shapes[1:]
    triples = pairs[:-1] * MAX_SHAPES + shapes[2:] if len(pairs) else pairs
    return np.concatenate([shapes, pairs, triples])


def _shape(token: str, ids: dict[str, int]) -> int:
    lower = token.lower()
    if (known := ids.get(lower)) is not None:
        return known
    if token[0].isdigit():
        return ids["number"]
    if token[0].isupper():
        return ids["Name"]
    for suffix in SUFFIXES:
        if lower.endswith(suffix) and len(lower) > len(suffix) + 2:
            return ids[f"-{suffix}"]
    return ids["other"]


def sentence_lengths(text: str) -> Codes:
    """Lengths in words of all sentences of a plain text."""
    lengths = [
        len(reading.WORD.findall(sentence))
        for paragraph in reading.paragraphs(text)
        for sentence in reading.sentences(paragraph)
    ]
    return np.array(lengths, dtype=np.int64)


def build_vocabulary(
    texts: Sequence[str], n_words: int = 2000, n_chars: int = 4000, n_syntax: int = 3000
) -> Vocabulary:
    """The most frequent words, character n-grams and shape n-grams of plain texts, each text weighing the same."""
    words: Counter[str] = Counter()
    chars = np.zeros(_CHAR_OFFSETS[-1], dtype=np.float32)
    for text in texts:
        of_text = reading.words(text)
        for word, count in Counter(of_text).items():
            words[word] += count / max(1, len(of_text))  # type: ignore[assignment]
        codes, counts = np.unique(char_grams(text), return_counts=True)
        chars[codes] += counts / max(1, len(text))
    ranked = [word for word, _ in words.most_common(n_words)]
    function = tuple(ranked[:FUNCTION_WORDS])
    ids = shape_ids(function)
    shapes: Counter[int] = Counter()
    for text in texts:
        tokens = reading.TOKEN.findall(text)
        codes, counts = np.unique(shape_grams(tokens, ids), return_counts=True)
        for code, count in zip(codes.tolist(), (counts / max(1, len(tokens))).tolist(), strict=True):
            shapes[code] += count
    top = np.argsort(-chars, kind="stable")[:n_chars]
    return Vocabulary(
        tuple(ranked),
        top[chars[top] > 0].astype(np.int64),
        function,
        np.array([code for code, _ in shapes.most_common(n_syntax)], dtype=np.int64),
    )
