"""What is read from a passage, and how passages are cut so that nothing is judged by its length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.prose import prose
from voicewright.core import text as reading
from voicewright.core.paths import Run
from voicewright.core.records import write_rows
from voicewright.metrics import diversity, forgetting, markers, samples, structure
from voicewright.stats import intervals
from voicewright.stylometry import features, passages
from voicewright.stylometry.passages import Passage

SMALL = features.build_vocabulary([prose(300, 5)], n_words=50, n_chars=100, n_syntax=60)


def passage(text: str) -> Passage:
    [found] = passages.cut(text, len(reading.words(reading.plain(reading.normal(text)))))
    return found


def test_markers_are_rates_of_the_right_words() -> None:
    found = markers.rates(passage("You wait. \"You said you'd go,\" he says -- *not now* -- and it's Tom's. Don't?"))
    assert found["second_person"] == pytest.approx(1000 / 10)
    assert found["italics"] == pytest.approx(2000 / 14)
    assert found["contractions"] == pytest.approx(3000 / 14)
    assert found["dialogue"] == pytest.approx(100 * 4 / 14)
    assert found["dashes"] == pytest.approx(2000 / 14) and found["questions"] == pytest.approx(1000 / 14)


def test_the_person_is_read_from_the_narration_only() -> None:
    found = passage('"I know that you know," she says. You look at her and keep your hands still.')
    assert markers.persons(found) == (0, 2, 2)


def test_sentence_structure_of_equal_texts_is_alike_and_of_unlike_ones_is_not() -> None:
    short, long = passage("He ran. She hid. It fell. " * 30), passage(prose(400, 1))
    assert structure.likeness(structure.shape(long), structure.shape(long)) == 1.0
    assert structure.likeness(structure.shape(short), structure.shape(long)) < 0.5


@given(st.lists(st.integers(0, 9), min_size=4, max_size=4), st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_the_distance_of_histograms_is_symmetric_and_between_0_and_1(a: list[int], b: list[int]) -> None:
    first, second = np.array(a, dtype=float), np.array(b, dtype=float)
    distance = structure.distance(first, second)
    assert 0 <= distance <= 1 + 1e-12 and distance == pytest.approx(structure.distance(second, first))


def test_a_loop_is_repetition_and_poor_in_words() -> None:
    loop, normal = passage("He saw the old house by the river. " * 60), passage(prose(450, 3))
    assert diversity.repetition(loop) > 95 > 30 > diversity.repetition(normal)
    assert diversity.mattr(loop) < 0.1 < diversity.mattr(normal)
    assert diversity.distinct(loop, 2) < 0.05 < diversity.distinct(normal, 2)


def test_mattr_is_the_mean_over_all_windows() -> None:
    words = [chr(97 + (i * i) % 23) * 2 for i in range(240)]
    windows = [len(set(words[i : i + 100])) / 100 for i in range(141)]
    assert diversity.mattr(passage(" ".join(words))) == pytest.approx(np.mean(windows))


def test_machine_phrases_are_counted_once_and_whole_words_only() -> None:
    text = "A rich tapestry of delves; she couldn't help but delve. The robustness held."
    found = diversity.slop_phrases(["She delves. He does not delve."], {"baseline": [text], "finetuned": [text, ""]})
    phrases = {row["phrase"]: row for row in found["phrases"]}
    assert list(phrases) == ["delve", "rich tapestry", "couldn't help but"]
    assert [row["author"]["count"] for row in phrases.values()] == [1, 0, 0]
    assert phrases["rich tapestry"]["arms"]["finetuned"] == {"count": 1, "per_10_000_words": pytest.approx(10_000 / 13)}
    assert found["all"]["arms"]["baseline"]["count"] == 3 and found["all"]["author"]["count"] == 1


def test_all_blocks_have_one_length_and_short_answers_are_pooled() -> None:
    lengths = {"a": [250] * 40, "b": [230] * 40}
    size, together = passages.grouping(lengths)
    texts = {f"p{i}": [prose(240, i)] for i in range(40)}
    blocks = passages.of_prompts(texts, sorted(texts), size, together)
    assert {len(reading.words(found.plain)) for found in blocks.passages} == {size}
    assert size <= together * 250 and len(set(blocks.clusters.tolist())) <= 40 // together
    assert passages.grouping({"a": [0, 0]}) == (0, 1)
    # Long answers give several blocks of one cluster.
    assert passages.grouping({"a": [1500] * 20}) == (500, 1)


@given(st.text(alphabet="ab'— 1\n#*\".", max_size=60))
def test_a_text_is_as_long_as_its_longest_passage(text: str) -> None:
    size = passages.length(text)
    assert passages.cut(text, size + 1) == [] and len(passages.cut(text, max(1, size))) == min(size, 1)


def test_each_conversation_of_an_export_is_a_place_of_its_own(home: Path) -> None:
    run = Run("chats")
    said = [{"role": "user", "content": "Well?"}, {"role": "assistant", "content": "Well."}]
    for split, source in (("train", "export.json#1"), ("heldout", "export.json#2")):
        write_rows(run.rows_path("chat", split), [{"source": source, "work": "export", "messages": said}])
    assert not samples.author_rows(run, "train").sections & samples.author_rows(run, "heldout").sections


def test_blocks_are_no_longer_than_the_held_out_text_allows() -> None:
    lengths = {"a": [500] * 40}
    assert passages.grouping(lengths)[0] == 500
    assert passages.grouping(lengths, longest=143)[0] == passages.grouping(lengths, longest=20)[0] == 100


def test_answers_just_short_of_a_block_do_not_lose_their_words() -> None:
    # A number and a lone dash are parted by blanks and are no words.
    answer = "1899 — " + " ".join(["so"] * 248)
    assert len(answer.split()) == 250
    lengths = {"a": [2 * passages.length(answer)] * 40}
    size, together = passages.grouping(lengths)
    texts = {f"p{i}": [answer] * 2 for i in range(40)}
    assert len(passages.of_prompts(texts, sorted(texts), size, together).passages) == 40


def test_brief_answers_beside_long_ones_fill_blocks_together() -> None:
    lengths = {"base": [200] * 16, "brief": [50] * 16}
    size, together = passages.grouping(lengths, longest=121)
    assert (size, together) == (100, 2)


def test_an_arm_that_says_little_does_not_shrink_the_blocks_of_the_others() -> None:
    assert passages.grouping({"a": [500] * 20, "mute": [10] * 20}) == passages.grouping({"a": [500] * 20})


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


def test_a_ratio_whose_denominator_may_be_0_is_not_identifiable() -> None:
    rng = np.random.default_rng(1)
    wide = rng.normal(0.01, 0.1, 500)
    found = intervals.calibrated_score(np.full(500, 1.0), np.full(500, 0.9), 1.0 - wide)
    assert (found.value, found.status) == (None, "not identifiable")
    sure = intervals.calibrated_score(np.full(500, 1.0), np.full(500, 0.9), np.full(500, 0.8))
    assert (sure.value, sure.low, sure.high) == pytest.approx((50, 50, 50))


def test_a_model_that_still_answers_is_not_worse_and_one_that_does_not_is() -> None:
    base = {f"p{i}": [f"The capital number {i} is Paris", f"It is Paris, capital number {i}"] for i in range(12)}
    other = {prompt: ["You wait by the river", "Nobody comes down the ladder"] for prompt in base}
    domains = dict.fromkeys(base, "facts")
    found = forgetting.table({"baseline": base, "same": base, "lost": other}, domains, "baseline", 300, 1)
    assert found["same"]["all"]["outcome"] == "not worse" and found["lost"]["all"]["outcome"] == "worse"
    assert found["same"]["all"]["value"] == pytest.approx(100)
    alone = {prompt: said[:1] for prompt, said in base.items()}
    assert (
        forgetting.table({"baseline": alone, "same": alone}, domains, "baseline", 300, 1)["same"]["all"]["outcome"]
        == "not available"
    )
