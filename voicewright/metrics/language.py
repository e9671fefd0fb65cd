"""What cannot be read of an author who writes another language than the figures and the word lists are in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from voicewright.core import text as reading
from voicewright.metrics.material import Measure
from voicewright.stats import intervals
from voicewright.stylometry import profile as profiles
from voicewright.stylometry.profile import Profile

FOREIGN = "the author's words are not those of English prose, and the figures of other authors are: another language?"
NOT_ENGLISH = "it is read by English words, and the author's text has hardly any: another language?"
# Held against other authors' words and letters.
BY_OTHERS = ("transfer", "vocabulary", "word_order", "topic", "letters", "own_terms")
# Read by lists of English words.
BY_WORDS = ("markers", "pov", "you_per_1000", "contractions", "slop")
COMMONEST = reading.listed("the and of to in that it was is with for as his her")
# These make up 15 to 25% of English prose, and hardly 5% of any other language's words.
LEAST_COMMONEST = 0.08


def english(texts: Sequence[str]) -> bool:
    """Whether texts are in English, by its commonest words."""
    words = [word for text in texts for word in reading.words(reading.plain(reading.normal(text)))]
    return sum(word in COMMONEST for word in words) >= LEAST_COMMONEST * len(words)


def unread(profile: Profile, texts: Sequence[str]) -> dict[str, str]:
    """Measures that mean nothing for this author, and why."""
    found = dict.fromkeys(BY_OTHERS, FOREIGN) if profiles.foreign(profile) else {}
    return found if english(texts) else {**found, **dict.fromkeys(BY_WORDS, NOT_ENGLISH)}


def without(measure: Measure, why: str) -> Measure:
    """The measure without its figures."""
    blank: dict[str, Any] = {"arms": {arm: intervals.unavailable(why) for arm in measure.arms}, "reference": {}}
    return Measure(**{**vars(measure), **blank})
