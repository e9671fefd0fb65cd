"""How often a passage has a comma."""

from __future__ import annotations

from voicewright.core.text import words
from voicewright.metrics.markers import per_1000
from voicewright.stylometry.passages import Passage

TITLE = "Commas"
UNIT = "per 1,000 words"
BETTER = "author"


def read(passage: Passage) -> float:
    return per_1000(passage.plain.count(","), len(words(passage.plain)))
