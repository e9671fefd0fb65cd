"""Style markers: habits that a reader notices at once, as rates of a passage."""

from __future__ import annotations

import re

from voicewright.core import text as reading
from voicewright.metrics import registry
from voicewright.metrics.registry import measure
from voicewright.stylometry.passages import Passage

SECOND = reading.listed("you your yours yourself yourselves you're you've you'll you'd thou thee thy thine ye thyself")
FIRST = reading.listed("i me my mine myself i'm i've i'll i'd we us our ours ourselves we're we've we'll we'd")
THIRD = reading.listed(
    "he him his himself she her hers herself they them their theirs themselves he's she's they're he'd she'd he'll "
    "she'll they'd they'll they've"
)
CONTRACTION = re.compile(r"\b\w+(?:n't|'(?:s|re|ve|ll|d|m))\b", re.IGNORECASE)
# A bare 's is more often a possessive; these are not.
CONTRACTED_S = reading.listed("it's he's she's that's there's what's who's where's here's let's how's")
PER_1000_WORDS = "per 1,000 words"


def per_1000(count: float, words: int) -> float:
    """A count as a rate per 1,000 words."""
    return 1000.0 * count / max(1, words)


def mark_rate(passage: Passage, mark: str) -> float:
    """How often a mark stands in a passage, per 1,000 words."""
    return per_1000(passage.plain.count(mark), len(reading.words(passage.plain)))


@measure(
    name="you_per_1000",
    title="Second person in narration",
    unit="per 1,000 words of narration",
    better="author",
    needs=("english",),
)
def second_person(passage: Passage) -> float:
    """Pronouns of the second person (you, your, thou) outside quoted speech."""
    words = reading.words(passage.narration)
    return per_1000(sum(word in SECOND for word in words), len(words))


@measure(name="italics", title="Italics", unit=PER_1000_WORDS, better="author")
def italics(passage: Passage) -> float:
    """Words in italics."""
    words = len(reading.words(passage.plain))
    return per_1000(sum(len(reading.words(span)) for span in reading.italics(passage.normal)), words)


@measure(name="dashes", title="Dashes", unit=PER_1000_WORDS, better="author")
def dashes(passage: Passage) -> float:
    """How often a passage has a dash."""
    return mark_rate(passage, "—")


@measure(name="dialogue", title="Quoted speech", unit="percent of words", better="author")
def dialogue(passage: Passage) -> float:
    """Words in quoted speech."""
    total = len(reading.words(passage.plain))
    return 100.0 * (1.0 - len(reading.words(passage.narration)) / total) if total else 0.0


@measure(name="contractions", title="Contractions", unit=PER_1000_WORDS, better="author", needs=("english",))
def contractions(passage: Passage) -> float:
    """Contractions such as don't and you'll; possessives do not count."""
    words = reading.words(passage.plain)
    return per_1000(count_contractions(words), len(words))


@measure(name="questions", title="Question marks", unit=PER_1000_WORDS, better="author")
def questions(passage: Passage) -> float:
    """How often a passage has a question mark."""
    return mark_rate(passage, "?")


@measure(name="exclamations", title="Exclamation marks", unit=PER_1000_WORDS, better="author")
def exclamations(passage: Passage) -> float:
    """How often a passage has an exclamation mark."""
    return mark_rate(passage, "!")


@measure(name="ellipses", title="Ellipses", unit=PER_1000_WORDS, better="author")
def ellipses(passage: Passage) -> float:
    """How often a passage has an ellipsis."""
    return mark_rate(passage, "...")


@measure(name="semicolons", title="Semicolons", unit=PER_1000_WORDS, better="author")
def semicolons(passage: Passage) -> float:
    """How often a passage has a semicolon."""
    return mark_rate(passage, ";")


# All measures of this module, by name.
MARKERS = registry.passage_rates(__name__)


def marker_rates(passage: Passage) -> dict[str, float]:
    """By marker, its rate in a passage, in its own unit."""
    return {name: rate(passage) for name, rate in MARKERS.items()}


def count_contractions(words: list[str]) -> int:
    """How many words are contractions: don't, you'll, it's; possessives are none."""
    return sum(
        1
        for word in words
        if "'" in word
        and (word in CONTRACTED_S or (CONTRACTION.fullmatch(word) is not None and not word.endswith("'s")))
    )


def person_counts(passage: Passage) -> tuple[int, int, int]:
    """First-, second- and third-person pronouns of the narration; quoted speech does not show who narrates."""
    words = reading.words(passage.narration)
    first, second, third = (sum(word in kind for word in words) for kind in (FIRST, SECOND, THIRD))
    return first, second, third
