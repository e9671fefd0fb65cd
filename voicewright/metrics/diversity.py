"""Rates of words and sentences: variety, repetition, lengths, commas, and phrases that language models over-use."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from voicewright.core import text as reading
from voicewright.core.documents.voice_report import Frequency, MachinePhrases, OnePhraseUse, PhraseUse
from voicewright.metrics.markers import PER_1000_WORDS, mark_rate
from voicewright.metrics.registry import measure
from voicewright.stylometry.passages import Passage

NAN = float("nan")
MATTR_WINDOW = 100
REPEATED_WORDS = 4
MAX_PHRASES = 15
# Words and phrases that readers recognise as a language model's. A writer may use some of them too, so the report
# compares rates.
_PHRASES = """
a testament to; a tapestry of; rich tapestry; tapestry of; a symphony of; a dance of; delve; delved;
delving; intricate; intricacies; multifaceted; nuanced; pivotal; underscores; underscored; palpable;
ethereal; otherworldly; kaleidoscope; cacophony; labyrinthine; myriad; a myriad of; shivers down; shiver
down; sent shivers; barely above a whisper; barely a whisper; voice barely above; breath caught; breath
hitched; let out a breath; breath she didn't know; breath he didn't know; breath you didn't know; heart
hammered; heart pounded; hung heavy in the air; hung in the air; the air was thick with; thick with tension;
the weight of; a sense of; couldn't help but; mind raced; eyes sparkled; eyes glinted; a mix of; a mixture
of; etched; unspoken; whispered secrets; dancing in the; bathed in; golden light; casting long shadows; as
if the world; little did; in that moment; at that moment; for the first time in; something shifted;
something deeper; not just a; it wasn't just; it was not just; more than just; in conclusion; it's important
to note; it is important to note; furthermore; moreover; navigate the; ever-evolving; landscape of; the
realm of; embark on; embarked on; journey of; game-changer; unlock the; harness the; elevate; seamless;
seamlessly; robust; leverage; beacon of; stark reminder; a reminder that; i cannot help with; as an ai; as a
language model; i hope this helps; certainly!; great question; let's dive in
"""
MACHINE_PHRASES = [" ".join(phrase.split()) for phrase in _PHRASES.split(";")]
# The longest first, so that "rich tapestry of" counts once.
_MACHINE_PHRASE = re.compile(
    r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(MACHINE_PHRASES, key=len, reverse=True))) + r")(?!\w)"
)


@measure(name="commas", title="Commas", unit=PER_1000_WORDS, better="author")
def commas(passage: Passage) -> float:
    """How often a passage has a comma."""
    return mark_rate(passage, ",")


@measure(name="distinct_2", title="Distinct word pairs", unit="0 to 1", better="author", range=(0, 1))
def distinct_2(passage: Passage) -> float:
    """Share of different pairs among all pairs of adjacent words (distinct-2; Li et al., NAACL 2016)."""
    pairs = _ngrams(reading.words(passage.plain), 2)
    return len(set(pairs)) / len(pairs) if pairs else NAN


@measure(name="mattr", title="Vocabulary variety", unit="0 to 1", better="author", range=(0, 1))
def mattr(passage: Passage) -> float:
    """Moving-average type-token ratio: different words in a window of 100 words, divided by 100, averaged over all
    windows (Covington and McFall, JQL 17, 2010).
    """
    words = reading.words(passage.plain)
    if len(words) < MATTR_WINDOW:
        return len(set(words)) / len(words) if words else NAN
    counts = Counter(words[:MATTR_WINDOW])
    total = len(counts)
    for i in range(MATTR_WINDOW, len(words)):
        counts[words[i]] += 1
        counts[words[i - MATTR_WINDOW]] -= 1
        if not counts[words[i - MATTR_WINDOW]]:
            del counts[words[i - MATTR_WINDOW]]
        total += len(counts)
    return total / (len(words) - MATTR_WINDOW + 1) / MATTR_WINDOW


@measure(name="paragraph_words", title="Paragraph length", unit="words", better="author")
def paragraph_words(passage: Passage) -> float:
    """Mean words per paragraph."""
    return _mean_words(reading.paragraphs(passage.plain))


@measure(name="repetition", title="Repetition", unit="percent of words", better="lower")
def repetition(passage: Passage) -> float:
    """Words in a sequence of four words that occurred earlier in the passage. A model that loops is far above the
    author.
    """
    words = reading.words(passage.plain)
    seen: set[tuple[str, ...]] = set()
    repeated = [False] * len(words)
    for i, gram in enumerate(_ngrams(words, REPEATED_WORDS)):
        if gram in seen:
            repeated[i : i + REPEATED_WORDS] = [True] * REPEATED_WORDS
        seen.add(gram)
    return 100.0 * sum(repeated) / len(words) if words else NAN


@measure(name="sentence_words", title="Sentence length", unit="words", better="author")
def sentence_words(passage: Passage) -> float:
    """Mean words per sentence."""
    return _mean_words([s for paragraph in reading.paragraphs(passage.plain) for s in reading.sentences(paragraph)])


@measure(name="slop", title="Machine phrases", unit=PER_1000_WORDS, better="author", needs=("english",))
def slop(passage: Passage) -> float:
    """Phrases from a list of those that language models over-use. Compare with the author's own rate."""
    lower = passage.plain.lower()
    return 1000.0 * len(_MACHINE_PHRASE.findall(lower)) / max(1, len(reading.words(lower)))


def machine_phrases(
    author: Sequence[str], arms: Mapping[str, Sequence[str]], max_phrases: int = MAX_PHRASES
) -> MachinePhrases:
    """How often the author's and the arms' texts have the listed phrases: all together, and the most frequent ones."""
    author_counts, arm_counts = _phrase_counts(author), {arm: _phrase_counts(texts) for arm, texts in arms.items()}

    def frequency(counts: tuple[Counter[str], int], phrase: str | None) -> Frequency:
        phrases, words = counts
        count = phrases.total() if phrase is None else phrases[phrase]
        return Frequency(count=count, per_10_000_words=10_000.0 * count / max(1, words))

    def arm_frequencies(phrase: str | None) -> dict[str, Frequency]:
        return {arm: frequency(counts, phrase) for arm, counts in arm_counts.items()}

    all_counts = sum((phrases for phrases, _ in (author_counts, *arm_counts.values())), Counter[str]())
    return MachinePhrases(
        total=PhraseUse(author=frequency(author_counts, None), arms=arm_frequencies(None)),
        phrases=[
            OnePhraseUse(phrase=phrase, author=frequency(author_counts, phrase), arms=arm_frequencies(phrase))
            for phrase, _ in all_counts.most_common(max_phrases)
        ],
    )


def _phrase_counts(texts: Sequence[str]) -> tuple[Counter[str], int]:
    """Counts of the listed phrases, and the number of words."""
    plain = [reading.plain(reading.normal(text)).lower() for text in texts]
    phrases = Counter(phrase for text in plain for phrase in _MACHINE_PHRASE.findall(text))
    return phrases, sum(len(reading.WORD.findall(text)) for text in plain)


def _mean_words(parts: Sequence[str]) -> float:
    return sum(len(reading.WORD.findall(part)) for part in parts) / len(parts) if parts else NAN


def _ngrams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[i:] for i in range(n)), strict=False))
