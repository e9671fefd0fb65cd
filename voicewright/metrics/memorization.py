"""Copying: the longest word-for-word spans that a text shares with the training or the held-out rows.

An index of 5-word spans finds where a match can begin; the match is then followed word by word. Case and punctuation
are ignored, and a span that stands in the prompt is not copied.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicewright.core import text as reading
from voicewright.core.documents.generation import Generation
from voicewright.core.documents.voice_report import (
    ArmCopying,
    CopiedSpan,
    Copying,
    CopyResult,
    PrefixCopyCounts,
    PrefixCopying,
    Reference,
)
from voicewright.metrics import samples
from voicewright.metrics.material import Material
from voicewright.metrics.registry import MeasureValues, measure
from voicewright.metrics.samples import AuthorTexts
from voicewright.stats import intervals

SPAN_WORDS = 5
FLAGGED_WORDS, FAILED_WORDS = 10, 20
# One generation in a hundred may contain a flagged span by chance: a proverb, an address.
MAX_FLAGGED_SHARE = 0.01
# A stock phrase stands in many places; these are enough to find the longest match.
MAX_PLACES = 64
MAX_SHOWN = 10
# Words shown before and after a copied span.
CONTEXT_WORDS = 6
DEFINITION = (
    "Word-for-word spans of five words or more that an answer shares with the author's text; a span that stands in its "
    "prompt does not count."
)
THRESHOLDS = (
    f"A span over {FLAGGED_WORDS} words is flagged. An arm fails with a span over {FAILED_WORDS} words, or when more "
    f"than {MAX_FLAGGED_SHARE:.0%} of its answers contain a flagged span."
)
PREFIX_DEFINITION = (
    "The same spans in continuations of the author's training text, where copying is most likely. A span that stands "
    "in the prompt does not count. No other figure and no pair uses these answers; compare with the base model's rate."
)
_FACTORS = np.array([1_000_003**k % 2**61 for k in range(SPAN_WORDS)], dtype=np.uint64)


@dataclass(frozen=True)
class CopyIndex:
    """Words of the indexed texts as numbers, and their 5-word spans in sorted order."""

    ids: dict[str, int]
    words: NDArray[np.int64]
    codes: NDArray[np.uint64]
    places: NDArray[np.int64]
    sources: list[str]
    starts: NDArray[np.int64]
    """First word of each text."""

    def source(self, place: int) -> str:
        """The source of the text that a word lies in."""
        return self.sources[int(np.searchsorted(self.starts, place, side="right")) - 1]


@dataclass(frozen=True)
class Span:
    """A copied span: word position in the text, its words, and where it comes from."""

    start: int
    words: list[str]
    source: str

    @property
    def is_flagged(self) -> bool:
        """Whether the span is too long for a chance match."""
        return len(self.words) > FLAGGED_WORDS


def build_index(texts: Sequence[str], sources: Sequence[str]) -> CopyIndex:
    """An index of texts, each with its source: about a second for a million words."""
    ids: dict[str, int] = {}
    numbers: list[int] = []
    starts: list[int] = []
    for i, text in enumerate(texts):
        starts.append(len(numbers))
        numbers += [ids.setdefault(word, len(ids) + 1) for word in reading.words(reading.plain(reading.normal(text)))]
        # A number of its own between texts, so that no span crosses them.
        numbers.append(-i - 1)
    words = np.array(numbers, dtype=np.int64)
    codes = _span_codes(words)
    order = np.argsort(codes, kind="stable")
    return CopyIndex(ids, words, codes[order], order, list(sources), np.array(starts, dtype=np.int64))


def find_spans(index: CopyIndex, text: str, prompt: str = "") -> list[Span]:
    """Maximal spans of five words or more that a text shares with the index, left to right, none overlapping."""
    words = reading.words(reading.plain(reading.normal(text)))
    prompt_words = " " + " ".join(reading.words(reading.plain(reading.normal(prompt)))) + " "
    numbers = np.array([index.ids.get(word, 0) for word in words], dtype=np.int64)
    codes = _span_codes(numbers)
    if not len(codes) or not len(index.codes):
        return []
    low, high = np.searchsorted(index.codes, codes, "left"), np.searchsorted(index.codes, codes, "right")
    spans, end = [], 0
    for i in np.flatnonzero(high > low).tolist():
        if i < end:
            continue
        places = index.places[low[i] : min(high[i], low[i] + MAX_PLACES)].tolist()
        matches = ((place, _match_length(index.words, place, numbers, i)) for place in places)
        place, length = max(matches, key=lambda match: match[1])
        span = words[i : i + length]
        if length >= SPAN_WORDS and f" {' '.join(span)} " not in prompt_words:
            spans.append(Span(i, span, index.source(place)))
            end = i + length
    return spans


def _match_length(indexed: NDArray[np.int64], place: int, numbers: NDArray[np.int64], start: int) -> int:
    longest = min(len(indexed) - place, len(numbers) - start)
    same = indexed[place : place + longest] == numbers[start : start + longest]
    different = np.flatnonzero(~same)
    return int(different[0]) if len(different) else longest


def _span_codes(words: NDArray[np.int64]) -> NDArray[np.uint64]:
    if len(words) < SPAN_WORDS:
        return np.zeros(0, dtype=np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(words.astype(np.uint64), SPAN_WORDS)
    # Sums wrap around. Two spans with the same code by chance are told apart when their words are compared.
    return np.asarray((windows * _FACTORS).sum(axis=1, dtype=np.uint64))


@dataclass(frozen=True)
class Copies:
    """What a set of generations shares with an index."""

    spans: list[list[Span]]
    """Of each generation."""
    words: list[int]
    """Of each generation, its number of words."""

    @property
    def longest(self) -> int:
        """Words of the longest span."""
        return max((len(span.words) for spans in self.spans for span in spans), default=0)

    def result(self) -> CopyResult:
        """Counts and verdict: spans over 10 words are flagged; over 20, or in over 1% of generations, they fail."""
        lengths = [len(span.words) for spans in self.spans for span in spans]
        n_flagged = sum(any(span.is_flagged for span in spans) for spans in self.spans)
        share = n_flagged / max(1, len(self.spans))
        failed = self.longest > FAILED_WORDS or share > MAX_FLAGGED_SHARE
        return CopyResult(
            longest_words=self.longest,
            coverage_percent=100.0 * sum(lengths) / max(1, sum(self.words)),
            spans_over_10=sum(length > FLAGGED_WORDS for length in lengths),
            spans_over_20=sum(length > FAILED_WORDS for length in lengths),
            generations_flagged_percent=100.0 * share,
            generations=len(self.spans),
            verdict="fail" if failed else "flag" if n_flagged else "ok",
        )

    def shown(self, ids: Sequence[str], author: AuthorTexts) -> list[CopiedSpan]:
        """The longest flagged spans, each with its generation, its source and the author's spelling."""
        pairs = [(span, name) for spans, name in zip(self.spans, ids, strict=True) for span in spans if span.is_flagged]
        pairs.sort(key=lambda pair: -len(pair[0].words))
        texts: dict[str, list[str]] = defaultdict(list)
        for source, text in zip(author.sources, author.texts, strict=True):
            texts[source].append(text)
        return [
            CopiedSpan(
                words=len(span.words),
                text=" ".join(span.words),
                source=span.source,
                generation=name,
                author_text=next(filter(None, (quote(text, span.words) for text in texts[span.source])), ""),
            )
            for span, name in pairs[:MAX_SHOWN]
        ]


def compare(index: CopyIndex, texts: Sequence[str], prompts: Sequence[str] | None = None) -> Copies:
    """Spans of every text; what stands in the text's prompt does not count."""
    prompts = [""] * len(texts) if prompts is None else prompts
    spans = [find_spans(index, text, prompt) for text, prompt in zip(texts, prompts, strict=True)]
    return Copies(spans, [len(reading.words(reading.plain(reading.normal(text)))) for text in texts])


def compare_generations(index: CopyIndex, rows: Sequence[Generation]) -> Copies:
    """Spans of every generation; what stands in its prompt or in the conversation before it does not count."""
    return compare(index, [row.text for row in rows], [samples.given_text(row) for row in rows])


def without_spans(text: str, spans: Sequence[Span]) -> str:
    """The text without its flagged spans."""
    plain = reading.plain(reading.normal(text))
    places = [match.span() for match in reading.WORD.finditer(plain)]
    cuts = [(places[span.start][0], places[span.start + len(span.words) - 1][1]) for span in spans if span.is_flagged]
    return reading.outside(plain, cuts)


def quote(text: str, span: Sequence[str], context: int = CONTEXT_WORDS) -> str:
    """Where a text has these lower-case words in a row, with words around them, spelt as there; "" if nowhere."""
    plain = reading.plain(reading.normal(text))
    places = [match.span() for match in reading.WORD.finditer(plain)]
    words = [plain[start:end].lower() for start, end in places]
    for i in range(len(words) - len(span) + 1):
        if words[i : i + len(span)] == list(span):
            first, last = max(0, i - context), min(len(words), i + len(span) + context)
            excerpt = " ".join(plain[places[first][0] : places[last - 1][1]].split())
            return ("... " if first else "") + excerpt + (" ..." if last < len(words) else "")
    return ""


@functools.lru_cache(maxsize=1)
def _training_index(material: Material) -> CopyIndex:
    return build_index(material.training.texts, material.training.sources)


@functools.lru_cache(maxsize=1)
def _training_copies(material: Material) -> dict[str, Copies]:
    """By arm, what its generations share with the training text."""
    index = _training_index(material)
    return {arm: compare_generations(index, rows) for arm, rows in material.generations.items()}


@functools.lru_cache(maxsize=1)
def copying_report(material: Material) -> Copying:
    """What every arm copies from the training and the held-out text; the author's own repetitions to compare with."""
    heldout_index = build_index(material.heldout.texts, material.heldout.sources)
    arms = {
        arm: ArmCopying(
            training=copies.result(),
            heldout=compare_generations(heldout_index, material.generations[arm]).result(),
            shown=copies.shown([row.id for row in material.generations[arm]], material.training),
        )
        for arm, copies in _training_copies(material).items()
    }
    author = compare(_training_index(material), material.heldout.texts).result()
    report = Copying(definition=f"{DEFINITION} {THRESHOLDS}", arms=arms, author=author)
    if material.prefixes:
        report.training_prefixes = prefix_copying(_training_index(material), material.prefixes, material.training)
    return report


def prefix_copying(
    index: CopyIndex, prefixes: Mapping[str, Sequence[Generation]], training: AuthorTexts
) -> PrefixCopying:
    """What every arm copies when it continues training text."""
    arms = {}
    for arm, rows in prefixes.items():
        copies = compare_generations(index, rows)
        counts = copies.result().model_dump(exclude={"verdict"})
        arms[arm] = PrefixCopyCounts(**counts, shown=copies.shown([row.id for row in rows], training))
    return PrefixCopying(definition=PREFIX_DEFINITION, arms=arms)


@measure(name="copying", title="Copying", unit="words of the longest copied span", better="lower", per="report")
def copying(material: Material) -> MeasureValues:
    """The longest span of words that an answer copied from the training text; a span that stands in its prompt does
    not count.
    """
    report = copying_report(material)
    figures = {
        arm: intervals.measured(float(each.training.longest_words), None, None) for arm, each in report.arms.items()
    }
    reference = Reference(author=report.author.longest_words, failed_over=FAILED_WORDS)
    return MeasureValues(figures, reference, THRESHOLDS)


def texts_without_copies(material: Material) -> dict[str, dict[str, list[str]]]:
    """By measured arm that copied, its answers in the author's field by prompt, with flagged spans cut out."""
    texts = {}
    for arm in material.blocks:
        rows, spans = material.generations[arm], _training_copies(material)[arm].spans
        if any(span.is_flagged for each in spans for span in each):
            cleaned = [
                row.model_copy(update={"text": without_spans(row.text, each)})
                if any(span.is_flagged for span in each)
                else row
                for row, each in zip(rows, spans, strict=True)
            ]
            texts[arm] = samples.texts_by_prompt(cleaned, in_field=True)
    return texts
