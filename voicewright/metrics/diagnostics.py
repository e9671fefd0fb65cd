"""Diagnostics without a target: is the text language, is it about the author's subjects, do its letters agree?"""

from __future__ import annotations

import numpy as np

from voicewright.metrics.material import OF_HELDOUT, Material, share_of_heldout
from voicewright.metrics.registry import MeasureValues, measure
from voicewright.stylometry.features import MAX_SHAPES, VIEWS, Floats

# The commonest words belong to the style, the others to the topic.
N_STYLE_WORDS = 500


@measure(
    name="word_order",
    title="Word order",
    unit=OF_HELDOUT,
    better="author",
    needs=("other_authors",),
    per="report",
)
def word_order(material: Material) -> MeasureValues:
    """How much of the text consists of word sequences that are usual in English prose, with content words masked.
    Text in shuffled order is far below 100, even if its words are the author's.
    """
    # Codes up to this one are single tokens, which any order has.
    is_sequence = material.author.profile.space.vocabulary.syntax > MAX_SHAPES

    def sequences_per_token(key: str) -> Floats:
        arrays = material.counts[key].arrays
        return np.asarray(arrays["syntax"][:, is_sequence].sum(axis=1) / np.maximum(arrays["syntax_total"][:, 0], 1))

    return share_of_heldout(material, sequences_per_token, None, "author")


@measure(name="topic", title="Topic", unit=OF_HELDOUT, better="author", needs=("other_authors",), per="report")
def topic(material: Material) -> MeasureValues:
    """Agreement of the content words with the author's (cosine of word TF-IDF without the 500 commonest words). Style
    and topic are independent: a text can have the author's style on another topic, or the author's topic in another
    style.
    """
    rates = material.author.profile.space.general
    return share_of_heldout(
        material, lambda key: _tfidf_cosine(material, key, "words", rates, N_STYLE_WORDS), 1.0, "author"
    )


@measure(name="letters", title="Letters", unit=OF_HELDOUT, better="author", needs=("other_authors",), per="report")
def letters(material: Material) -> MeasureValues:
    """Agreement of sequences of three to five letters with the author's (cosine of character TF-IDF): endings,
    contractions, spelling and favourite words. All English texts agree in most of them.
    """
    space = material.author.profile.space
    start = space.vocabulary.width("words")
    assert VIEWS[:2] == ("words", "chars")
    root_rates = space.mean[space.size(material.author.size)][start : start + space.vocabulary.width("chars")]
    rates = np.asarray(root_rates, dtype=float) ** 2
    return share_of_heldout(material, lambda key: _tfidf_cosine(material, key, "chars", rates, 0), 1.0, "author")


def _tfidf_cosine(material: Material, key: str, view: str, general_rates: Floats, first: int) -> Floats:
    """Cosine (blocks,) with the author, of the features from `first` on, weighted by how rare they are in general."""
    weights = -np.log(np.maximum(general_rates[first:], 1e-7))
    author = (material.author.profile.blocks.total().rates(view)[:, first:] * weights)[0]
    blocks = material.counts[key].rates(view)[:, first:] * weights
    norms = np.linalg.norm(blocks, axis=1) * np.linalg.norm(author)
    return np.asarray((blocks @ author) / np.maximum(norms, 1e-12))
