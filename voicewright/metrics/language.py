"""Which measures mean nothing for an author who writes another language than the statistics and word lists are in."""

from __future__ import annotations

from collections.abc import Sequence

from voicewright.core import text as reading
from voicewright.metrics.registry import Need
from voicewright.stylometry.profile import StyleProfile

REASONS: dict[Need, str] = {
    "other_authors": "the author's words are not those of English prose, which the statistics of other authors are "
    "made from: another language?",
    "english": "it uses lists of English words, and the author's text contains hardly any of the commonest English "
    "words: another language?",
}
COMMONEST = reading.listed("the and of to in that it was is with for as his her")
# The commonest words make up 15 to 25% of English prose, and hardly 5% of the words of any other language.
MIN_COMMONEST = 0.08


def is_english(texts: Sequence[str]) -> bool:
    """Whether texts are in English, by its commonest words."""
    words = [word for text in texts for word in reading.words(reading.plain(reading.normal(text)))]
    return sum(word in COMMONEST for word in words) >= MIN_COMMONEST * len(words)


def unmet_needs(profile: StyleProfile, texts: Sequence[str]) -> dict[Need, str]:
    """By need of a measure that the author's texts do not meet, the reason."""
    met = {"other_authors": not profile.is_foreign, "english": is_english(texts)}
    return {need: reason for need, reason in REASONS.items() if not met[need]}
