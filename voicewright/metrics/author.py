"""What is known of an author before a model is measured: habits, vocabulary, structure, person; from training text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voicewright.core import text as reading
from voicewright.metrics import markers, structure
from voicewright.stylometry import passages
from voicewright.stylometry import profile as profiles
from voicewright.stylometry.features import Floats
from voicewright.stylometry.passages import Passage
from voicewright.stylometry.profile import Profile
from voicewright.stylometry.style_space import Space

# A word is the author's own where they use it so many times as often as other authors do.
DISTINCTIVE = 2.0
FEWEST_USES = 3
# A marker counts where the author or the compared text shows it at least so often.
SHOWN = 0.3
NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z']+")


@dataclass(frozen=True)
class Author:
    """The reference that passages of `size` words are held against."""

    profile: Profile
    size: int
    passages: list[Passage]
    marker_means: dict[str, float]
    marker_spreads: dict[str, float]
    vocabulary: dict[str, float]
    """Distinctive words and their rates."""
    shape: list[Floats]
    persons: Floats
    """Shares of first, second and third person in the narration."""
    words: int


def build(texts: Sequence[str], size: int, space: Space | None = None) -> Author:
    """An author from training texts. Raises UserError where they are too short."""
    profile = profiles.build(texts, space)
    found = passages.of_texts(texts, size).passages
    table = [markers.rates(passage) for passage in found]
    means = {name: float(np.mean([row[name] for row in table])) for name in markers.MARKERS}
    spreads = {name: _spread([row[name] for row in table], means[name]) for name in markers.MARKERS}
    shapes = [structure.shape(passage) for passage in found]
    counts = np.array([markers.persons(passage) for passage in found], dtype=float).sum(axis=0)
    normal = "\n\n".join(reading.normal(text) for text in texts)
    return Author(
        profile,
        size,
        found,
        means,
        spreads,
        distinctive(normal, profile.space),
        [np.sum(part, axis=0) for part in zip(*shapes, strict=True)],
        counts / max(1.0, counts.sum()),
        len(reading.words(reading.plain(normal))),
    )


def _spread(values: Sequence[float], mean: float) -> float:
    # With few passages the spread is hardly known: chance alone gives about the root of the rate.
    chance = np.sqrt(max(mean, 1.0))
    return float(max(np.std(values, ddof=1) if len(values) > 2 else 0.0, chance))


def distinctive(text: str, space: Space) -> dict[str, float]:
    """Words that the author uses at least twice as often as the space's authors do, and their rates; names left out."""
    plain = reading.plain(text)
    words = reading.words(plain)
    names = names_in(plain)
    # A word beyond the kept vocabulary is at most as frequent as its last one.
    others = dict(zip(space.vocabulary.words, space.general.tolist(), strict=True))
    unknown = float(space.general.min())
    return {
        word: count / len(words)
        for word, count in Counter(words).items()
        if count >= FEWEST_USES and word not in names and count / len(words) >= DISTINCTIVE * others.get(word, unknown)
    }


def names_in(plain: str) -> set[str]:
    """Lower-case forms of words that are capitalised inside sentences more often than not."""
    capital = Counter(match.group().lower() for match in NAME.finditer(plain))
    small = Counter(word for word in re.findall(r"\b[a-z][a-z']*\b", plain))
    return {word for word, count in capital.items() if count > small[word]} - {"i", "i'm", "i've", "i'll", "i'd"}


def vocabulary_overlap(author: Author, passage: Passage) -> float:
    """How much of the author's distinctive vocabulary a passage shares, in the author's own measure.

    sum of min(rate in the passage, the author's rate) over the distinctive words: overuse gains nothing.
    """
    words = reading.words(passage.plain)
    counts = Counter(word for word in words if word in author.vocabulary)
    return sum(min(count / len(words), author.vocabulary[word]) for word, count in counts.items())


def structure_likeness(author: Author, passage: Passage) -> float:
    """Likeness of the passage's sentence structure to the author's, 0 to 1."""
    return structure.likeness(structure.shape(passage), author.shape)


def marker_agreement(author: Author, rates: dict[str, float], shown: Sequence[str]) -> float:
    """Mean agreement of marker rates: 1 where equal to the author's, halved by each spread away on either side."""
    off = [abs(rates[name] - author.marker_means[name]) / author.marker_spreads[name] for name in shown]
    return float(np.mean([0.5**distance for distance in off])) if off else float("nan")


def person_agreement(author: Author, passage: Passage) -> float:
    """Overlap of the shares of first, second and third person with the author's, 0 to 1; NaN without pronouns."""
    counts = np.array(markers.persons(passage), dtype=float)
    if counts.sum() < 3:
        return float("nan")
    return float(np.minimum(counts / counts.sum(), author.persons).sum())
