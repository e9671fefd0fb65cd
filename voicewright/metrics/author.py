"""What is known of an author before a model is measured, from training text: habits, vocabulary, structure, person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voicewright.core import text as reading
from voicewright.metrics import markers, structure
from voicewright.stylometry import passages
from voicewright.stylometry.features import Floats
from voicewright.stylometry.passages import Passage
from voicewright.stylometry.profile import StyleProfile
from voicewright.stylometry.style_space import Space

# A word is distinctive of an author who uses it so many times as often as other authors do.
DISTINCTIVE_RATIO = 2.0
MIN_USES = 3
MIN_PRONOUNS = 3
NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z']+")


@dataclass(frozen=True)
class Author:
    """The reference that passages of `size` words are compared with."""

    profile: StyleProfile
    size: int
    passages: list[Passage]
    marker_means: dict[str, float]
    marker_spreads: dict[str, float]
    vocabulary: dict[str, float]
    """Distinctive words and their rates."""
    structure: list[Floats]
    """Histograms of sentence structure."""
    person_shares: Floats
    """Shares of first, second and third person in the narration."""
    words: int


def build_author(texts: Sequence[str], size: int, space: Space | None = None) -> Author:
    """An author from training texts. Raises UserError where they are too short."""
    profile = StyleProfile.from_texts(texts, space)
    blocks = passages.text_blocks(texts, size).passages
    rates = [markers.marker_rates(passage) for passage in blocks]
    means = {name: float(np.mean([row[name] for row in rates])) for name in markers.MARKERS}
    spreads = {name: _spread([row[name] for row in rates], means[name]) for name in markers.MARKERS}
    histograms = [structure.structure_counts(passage) for passage in blocks]
    persons = np.array([markers.person_counts(passage) for passage in blocks], dtype=float).sum(axis=0)
    normal = "\n\n".join(reading.normal(text) for text in texts)
    return Author(
        profile,
        size,
        blocks,
        means,
        spreads,
        distinctive_words(normal, profile.space),
        [np.sum(part, axis=0) for part in zip(*histograms, strict=True)],
        persons / max(1.0, persons.sum()),
        len(reading.words(reading.plain(normal))),
    )


def _spread(values: Sequence[float], mean: float) -> float:
    # A few passages hardly tell the spread: chance alone gives about the root of the rate.
    chance = np.sqrt(max(mean, 1.0))
    return float(max(np.std(values, ddof=1) if len(values) > 2 else 0.0, chance))


def distinctive_words(text: str, space: Space) -> dict[str, float]:
    """Words that the author uses at least twice as often as the space's authors do, with their rates; no names."""
    plain = reading.plain(text)
    words = reading.words(plain)
    names = proper_names(plain)
    other_rates = dict(zip(space.vocabulary.words, space.general.tolist(), strict=True))
    # A word outside the vocabulary is at most as frequent as the vocabulary's last one.
    unknown_rate = float(space.general.min())
    return {
        word: count / len(words)
        for word, count in Counter(words).items()
        if count >= MIN_USES
        and word not in names
        and count / len(words) >= DISTINCTIVE_RATIO * other_rates.get(word, unknown_rate)
    }


def proper_names(plain: str) -> set[str]:
    """Words, in lower case, that are capitalised inside sentences more often than not."""
    capital = Counter(match.group().lower() for match in NAME.finditer(plain))
    small = Counter(word for word in re.findall(r"\b[a-z][a-z']*\b", plain))
    return {word for word, count in capital.items() if count > small[word]} - {"i", "i'm", "i've", "i'll", "i'd"}


def vocabulary_overlap(author: Author, passage: Passage) -> float:
    """Sum over the author's distinctive words of min(rate in the passage, the author's rate): overuse gains nothing."""
    words = reading.words(passage.plain)
    counts = Counter(word for word in words if word in author.vocabulary)
    return sum(min(count / len(words), author.vocabulary[word]) for word, count in counts.items())


def structure_similarity(author: Author, passage: Passage) -> float:
    """Similarity of the passage's sentence structure to the author's, 0 to 1."""
    return structure.structure_similarity(structure.structure_counts(passage), author.structure)


def marker_agreement(author: Author, rates: dict[str, float], names: Sequence[str]) -> float:
    """Mean agreement of marker rates: 1 where equal to the author's, halved by each spread above or below."""
    distances = [abs(rates[name] - author.marker_means[name]) / author.marker_spreads[name] for name in names]
    return float(np.mean([0.5**distance for distance in distances])) if distances else float("nan")


def person_agreement(author: Author, passage: Passage) -> float:
    """Overlap of the shares of first, second and third person with the author's, 0 to 1; NaN with few pronouns."""
    counts = np.array(markers.person_counts(passage), dtype=float)
    if counts.sum() < MIN_PRONOUNS:
        return float("nan")
    return float(np.minimum(counts / counts.sum(), author.person_shares).sum())
