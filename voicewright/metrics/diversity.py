"""Variety and repetition of a passage's words, and phrases that language models over-use."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from voicewright.core import text as reading
from voicewright.stylometry.passages import Passage

WINDOW = 100
# Words and phrases that readers have come to know as a language model's; a writer may own some, hence the comparison.
SLOP = (
    "a testament to",
    "a tapestry of",
    "rich tapestry",
    "tapestry of",
    "a symphony of",
    "a dance of",
    "delve",
    "delved",
    "delving",
    "intricate",
    "intricacies",
    "multifaceted",
    "nuanced",
    "pivotal",
    "underscores",
    "underscored",
    "palpable",
    "ethereal",
    "otherworldly",
    "kaleidoscope",
    "cacophony",
    "labyrinthine",
    "myriad",
    "a myriad of",
    "shivers down",
    "shiver down",
    "sent shivers",
    "barely above a whisper",
    "barely a whisper",
    "voice barely above",
    "breath caught",
    "breath hitched",
    "let out a breath",
    "breath she didn't know",
    "breath he didn't know",
    "breath you didn't know",
    "heart hammered",
    "heart pounded",
    "hung heavy in the air",
    "hung in the air",
    "the air was thick with",
    "thick with tension",
    "the weight of",
    "a sense of",
    "couldn't help but",
    "mind raced",
    "eyes sparkled",
    "eyes glinted",
    "a mix of",
    "a mixture of",
    "etched",
    "unspoken",
    "whispered secrets",
    "dancing in the",
    "bathed in",
    "golden light",
    "casting long shadows",
    "as if the world",
    "little did",
    "in that moment",
    "at that moment",
    "for the first time in",
    "something shifted",
    "something deeper",
    "not just a",
    "it wasn't just",
    "it was not just",
    "more than just",
    "in conclusion",
    "it's important to note",
    "it is important to note",
    "furthermore",
    "moreover",
    "navigate the",
    "ever-evolving",
    "landscape of",
    "the realm of",
    "embark on",
    "embarked on",
    "journey of",
    "game-changer",
    "unlock the",
    "harness the",
    "elevate",
    "seamless",
    "seamlessly",
    "robust",
    "leverage",
    "beacon of",
    "stark reminder",
    "a reminder that",
    "i cannot help with",
    "as an ai",
    "as a language model",
    "i hope this helps",
    "certainly!",
    "great question",
    "let's dive in",
)
# The longest first: of "rich tapestry" and "tapestry of" one place counts once.
_SLOP = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(SLOP, key=len, reverse=True))) + r")(?!\w)")


def mattr(passage: Passage) -> float:
    """Moving-average type-token ratio over windows of 100 words, 0 to 1 (Covington and McFall, JQL 17, 2010)."""
    words = reading.words(passage.plain)
    if len(words) < WINDOW:
        return len(set(words)) / len(words) if words else float("nan")
    counts = Counter(words[:WINDOW])
    total = len(counts)
    for i in range(WINDOW, len(words)):
        counts[words[i]] += 1
        counts[words[i - WINDOW]] -= 1
        if not counts[words[i - WINDOW]]:
            del counts[words[i - WINDOW]]
        total += len(counts)
    return total / (len(words) - WINDOW + 1) / WINDOW


def distinct(passage: Passage, n: int) -> float:
    """Share of different n-grams among a passage's word n-grams, 0 to 1 (Li et al., NAACL 2016)."""
    grams = _grams(reading.words(passage.plain), n)
    return len(set(grams)) / len(grams) if grams else float("nan")


def repetition(passage: Passage) -> float:
    """Percent of the words that lie in a 4-gram which the passage has already had."""
    words = reading.words(passage.plain)
    seen: set[tuple[str, ...]] = set()
    again = [False] * len(words)
    for i, gram in enumerate(_grams(words, 4)):
        if gram in seen:
            again[i : i + 4] = [True] * 4
        seen.add(gram)
    return 100.0 * sum(again) / len(words) if words else float("nan")


def slop(passage: Passage) -> float:
    """Listed phrases per 1,000 words."""
    lower = passage.plain.lower()
    return 1000.0 * len(_SLOP.findall(lower)) / max(1, len(reading.words(lower)))


def slop_phrases(author: Sequence[str], arms: Mapping[str, Sequence[str]], most: int = 15) -> dict[str, Any]:
    """How often arms and the author use the listed phrases, all together and the most used: counts, and rates.

    {"all": {"author": {"count", "per_10_000_words"}, "arms": {arm: ...}}, "phrases": [{"phrase", "author", "arms"}]}
    """
    own, said = _listed(author), {arm: _listed(texts) for arm, texts in arms.items()}

    def use(found: tuple[Counter[str], int], phrase: str | None) -> dict[str, float]:
        counts, words = found
        count = counts.total() if phrase is None else counts[phrase]
        return {"count": count, "per_10_000_words": 10_000.0 * count / max(1, words)}

    def row(phrase: str | None) -> dict[str, Any]:
        return {"author": use(own, phrase), "arms": {arm: use(found, phrase) for arm, found in said.items()}}

    used = sum((counts for counts, _ in (own, *said.values())), Counter[str]())
    return {"all": row(None), "phrases": [{"phrase": phrase, **row(phrase)} for phrase, _ in used.most_common(most)]}


def _listed(texts: Sequence[str]) -> tuple[Counter[str], int]:
    plain = [reading.plain(reading.normal(text)).lower() for text in texts]
    phrases = Counter(phrase for text in plain for phrase in _SLOP.findall(text))
    return phrases, sum(len(reading.WORD.findall(text)) for text in plain)


def sentence_words(passage: Passage) -> float:
    """Mean words of a sentence."""
    lengths = [
        len(reading.WORD.findall(sentence))
        for paragraph in reading.paragraphs(passage.plain)
        for sentence in reading.sentences(paragraph)
    ]
    return sum(lengths) / len(lengths) if lengths else float("nan")


def paragraph_words(passage: Passage) -> float:
    """Mean words of a paragraph."""
    lengths = [len(reading.WORD.findall(paragraph)) for paragraph in reading.paragraphs(passage.plain)]
    return sum(lengths) / len(lengths) if lengths else float("nan")


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[i:] for i in range(n)), strict=False))
