"""How texts are cut into passages of one length, and counted."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.prose import prose
from voicewright.core import text as reading
from voicewright.stylometry import features, passages

SMALL = features.build_vocabulary([prose(300, 5)], n_words=50, n_chars=100, n_syntax=60)


def test_all_blocks_have_one_length_and_short_answers_are_pooled() -> None:
    lengths = {"a": [250] * 40, "b": [230] * 40}
    size, together = passages.choose_block_size(lengths)
    texts = {f"p{i}": [prose(240, i)] for i in range(40)}
    blocks = passages.prompt_blocks(texts, sorted(texts), size, together)
    assert {len(reading.words(passage.plain)) for passage in blocks.passages} == {size}
    assert size <= together * 250 and len(set(blocks.clusters.tolist())) <= 40 // together
    assert passages.choose_block_size({"a": [0, 0]}) == (0, 1)
    # Long answers give several blocks of one cluster.
    assert passages.choose_block_size({"a": [1500] * 20}) == (500, 1)


@given(st.text(alphabet="ab'— 1\n#*\".", max_size=60))
def test_a_text_is_as_long_as_its_longest_passage(text: str) -> None:
    size = passages.word_count(text)
    assert passages.cut(text, size + 1) == [] and len(passages.cut(text, max(1, size))) == min(size, 1)


def test_blocks_are_no_longer_than_the_held_out_text_allows() -> None:
    lengths = {"a": [500] * 40}
    assert passages.choose_block_size(lengths)[0] == 500
    assert [passages.choose_block_size(lengths, longest)[0] for longest in (143, 20)] == [100, 100]


def test_answers_just_short_of_a_block_do_not_lose_their_words() -> None:
    # A number and a lone dash are parted by blanks and are no words.
    answer = "1899 — " + " ".join(["so"] * 248)
    assert len(answer.split()) == 250
    lengths = {"a": [2 * passages.word_count(answer)] * 40}
    size, together = passages.choose_block_size(lengths)
    texts = {f"p{i}": [answer] * 2 for i in range(40)}
    assert len(passages.prompt_blocks(texts, sorted(texts), size, together).passages) == 40


def test_brief_answers_beside_long_ones_fill_blocks_together() -> None:
    lengths = {"base": [200] * 16, "brief": [50] * 16}
    size, together = passages.choose_block_size(lengths, longest=121)
    assert (size, together) == (100, 2)


def test_an_arm_that_says_little_does_not_shrink_the_blocks_of_the_others() -> None:
    alone, beside_mute = {"a": [500] * 20}, {"a": [500] * 20, "mute": [10] * 20}
    assert passages.choose_block_size(beside_mute) == passages.choose_block_size(alone)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["one two three.", "*x*", "", '"Go," he said.']), max_size=40), st.integers(1, 20))
def test_counts_add_up_over_texts(parts: list[str], at: int) -> None:
    table = SMALL.table(parts)
    whole = table.total()
    for name, values in whole.arrays.items():
        assert np.array_equal(
            values[0],
            table.rows(range(min(at, len(parts)))).arrays[name].sum(axis=0)
            + table.rows(range(min(at, len(parts)), len(parts))).arrays[name].sum(axis=0),
        )
