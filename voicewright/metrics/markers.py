"""Style markers: habits that a reader sees at once, as rates of a passage."""

from __future__ import annotations

import re
from collections.abc import Callable

from voicewright.core import text as reading
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


def per_1000(count: float, words: int) -> float:
    """A count as a rate per 1,000 words."""
    return 1000.0 * count / max(1, words)


def contractions(words: list[str]) -> int:
    """How many words are contractions: don't, you'll, it's; possessives are none."""
    return sum(
        1
        for word in words
        if "'" in word
        and (word in CONTRACTED_S or (CONTRACTION.fullmatch(word) is not None and not word.endswith("'s")))
    )


def dialogue(passage: Passage) -> float:
    """Share of the words that are quoted speech."""
    total = len(reading.words(passage.plain))
    return 1.0 - len(reading.words(passage.narration)) / total if total else 0.0


def _marks(pattern: str) -> Callable[[Passage], float]:
    found = re.compile(pattern)
    return lambda passage: per_1000(len(found.findall(passage.plain)), len(reading.words(passage.plain)))


def _you(passage: Passage) -> float:
    words = reading.words(passage.narration)
    return per_1000(sum(word in SECOND for word in words), len(words))


def _italic(passage: Passage) -> float:
    words = len(reading.words(passage.plain))
    return per_1000(sum(len(reading.words(span)) for span in reading.italics(passage.normal)), words)


def _contracted(passage: Passage) -> float:
    words = reading.words(passage.plain)
    return per_1000(contractions(words), len(words))


# Name -> what it is in plain words, unit, and how it is read from a passage.
MARKERS: dict[str, tuple[str, str, Callable[[Passage], float]]] = {
    "second_person": ("the reader addressed as you, outside speech", "per 1,000 words of narration", _you),
    "italics": ("words in italics", "per 1,000 words", _italic),
    "dashes": ("dashes", "per 1,000 words", _marks("—")),
    "dialogue": ("words in quoted speech", "percent of words", lambda passage: 100 * dialogue(passage)),
    "contractions": ("contractions such as don't", "per 1,000 words", _contracted),
    "questions": ("question marks", "per 1,000 words", _marks(r"\?")),
    "exclamations": ("exclamation marks", "per 1,000 words", _marks("!")),
    "ellipses": ("ellipses", "per 1,000 words", _marks(r"\.\.\.")),
    "semicolons": ("semicolons", "per 1,000 words", _marks(";")),
}


def rates(passage: Passage) -> dict[str, float]:
    """All markers of a passage, in their own units."""
    return {name: read(passage) for name, (_, _, read) in MARKERS.items()}


def persons(passage: Passage) -> tuple[int, int, int]:
    """First-, second- and third-person pronouns of the narration: quoted speech says nothing of who tells."""
    words = reading.words(passage.narration)
    first, second, third = (sum(word in kind for word in words) for kind in (FIRST, SECOND, THIRD))
    return first, second, third
