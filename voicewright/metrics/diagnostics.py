"""What says whether a text is language, on the author's subjects, and like the author in its letters: no target."""

from __future__ import annotations

import numpy as np

from voicewright.metrics.material import Material
from voicewright.stylometry.features import MOST_SHAPES, VIEWS, Floats

# So many of the commonest words are left to the voice; the others tell the subject.
COMMONEST = 500


def ordered(material: Material, key: str) -> Floats:
    """Known 2- and 3-grams of masked tokens for each token of a block."""
    counts = material.counts[key]
    # Codes below the first pair's are single tokens, which any order has.
    several = material.author.profile.space.vocabulary.syntax > MOST_SHAPES
    known = counts.arrays["syntax"][:, several].sum(axis=1)
    return np.asarray(known / np.maximum(counts.arrays["syntax_total"][:, 0], 1))


def topic(material: Material, key: str) -> Floats:
    """Cosine of the content words' TF-IDF with the author's, 0 to 1."""
    return _likeness(material, key, "words", material.author.profile.space.general, COMMONEST)


def letters(material: Material, key: str) -> Floats:
    """Cosine of the TF-IDF of character 3- to 5-grams with the author's, 0 to 1."""
    space = material.author.profile.space
    start = space.vocabulary.width("words")
    assert VIEWS[:2] == ("words", "chars")
    roots = space.mean[space.size(material.author.size)][start : start + space.vocabulary.width("chars")]
    return _likeness(material, key, "chars", np.asarray(roots, dtype=float) ** 2, 0)


def _likeness(material: Material, key: str, view: str, general: Floats, start: int) -> Floats:
    # What is rare with other authors weighs more, as an inverse document frequency does.
    weights = -np.log(np.maximum(general[start:], 1e-7))
    mine = material.author.profile.blocks.total().rates(view)[:, start:] * weights
    theirs = material.counts[key].rates(view)[:, start:] * weights
    lengths = np.linalg.norm(theirs, axis=1) * np.linalg.norm(mine)
    return np.asarray((theirs @ mine[0]) / np.maximum(lengths, 1e-12))
