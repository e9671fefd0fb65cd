from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.judging.examples import WORDS, prose
from voicewright.core.text import cut_points
from voicewright.judging.length_matching import length_bias, to_equal_words

sentences = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=15).map(" ".join), min_size=1, max_size=25)


@given(sentences, sentences, st.integers(5, 120))
def test_both_texts_are_beginnings_that_end_at_a_sentence(first: list[str], second: list[str], most: int) -> None:
    texts = [". ".join(each.capitalize() for each in text) + "." for text in (first, second)]
    cut = to_equal_words(texts[0], texts[1], most)
    for whole, part in zip(texts, cut, strict=True):
        assert whole.startswith(part) and len(part.split()) <= most
        if cut_points(whole, most)[0][0] != len(whole.split()[:most]) or "." in part:
            assert part.endswith(".") or "." not in whole[: len(part) + 1]


def test_texts_of_many_sentences_come_within_a_twentieth_of_one_another() -> None:
    for n in range(50):
        x, y = to_equal_words(prose(f"a{n}", words=280), prose(f"b{n}", words=280), 150)
        lengths = sorted([len(x.split()), len(y.split())])
        assert lengths[1] - lengths[0] <= 0.05 * lengths[1] and lengths[0] > 100


def test_an_abbreviation_ends_no_sentence() -> None:
    assert [words for words, _ in cut_points("He met Mr. Smith there. “Did he?” Yes.", 50)] == [5, 7, 8]


def test_a_length_effect_is_seen_and_taken_out() -> None:
    generator = np.random.default_rng(1)
    longer_a = generator.random(400) < 0.8
    words_a, words_b = np.where(longer_a, 120, 100), np.where(longer_a, 100, 120)
    # Whoever judges here looks at length alone: nine of ten times the longer text wins.
    scores = (generator.random(400) < np.where(longer_a, 0.9, 0.1)).astype(float)
    bias = length_bias(list(scores), list(words_a), list(words_b), [str(i) for i in range(400)], 0.95)
    assert (bias.longer_wins.low or 0) > 0.8
    assert scores.mean() > 0.7
    assert (bias.length_adjusted.low or 0) < 0.5 < (bias.length_adjusted.high or 0)
