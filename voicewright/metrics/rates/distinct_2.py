"""Share of the word pairs of a passage that are not said twice."""

from __future__ import annotations

from voicewright.metrics.diversity import distinct
from voicewright.stylometry.passages import Passage

TITLE = "Different word pairs"
UNIT = "0 to 1"
BETTER = "author"


def read(passage: Passage) -> float:
    return distinct(passage, 2)
