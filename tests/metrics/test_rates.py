"""Markers, rates and sentence structure of single passages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.prose import prose
from voicewright.core import text as reading
from voicewright.core.documents.voice_report import Frequency
from voicewright.metrics import diversity, markers, structure
from voicewright.stylometry import passages
from voicewright.stylometry.passages import Passage


def passage(text: str) -> Passage:
    [whole] = passages.cut(text, len(reading.words(reading.plain(reading.normal(text)))))
    return whole


def test_markers_are_rates_of_the_right_words() -> None:
    text = "You wait. \"You said you'd go,\" he says -- *not now* -- and it's Tom's. Don't?"
    rates = markers.marker_rates(passage(text))
    assert rates["you_per_1000"] == pytest.approx(1000 / 10)
    assert rates["italics"] == pytest.approx(2000 / 14)
    assert rates["contractions"] == pytest.approx(3000 / 14)
    assert rates["dialogue"] == pytest.approx(100 * 4 / 14)
    assert rates["dashes"] == pytest.approx(2000 / 14) and rates["questions"] == pytest.approx(1000 / 14)


def test_the_person_is_read_from_the_narration_only() -> None:
    text = '"I know that you know," she says. You look at her and keep your hands still.'
    assert markers.person_counts(passage(text)) == (0, 2, 2)


def test_sentence_structure_of_equal_texts_is_alike_and_of_unlike_ones_is_not() -> None:
    short, long = (
        structure.structure_counts(passage(text)) for text in ("He ran. She hid. It fell. " * 30, prose(400, 1))
    )
    assert structure.structure_similarity(long, long) == 1.0
    assert structure.structure_similarity(short, long) < 0.5


@given(st.lists(st.integers(0, 9), min_size=4, max_size=4), st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_the_similarity_of_histograms_is_symmetric_and_between_0_and_1(a: list[int], b: list[int]) -> None:
    first, second = [np.array(a, dtype=float)], [np.array(b, dtype=float)]
    similarity = structure.structure_similarity(first, second)
    assert -1e-12 <= similarity <= 1
    assert similarity == pytest.approx(structure.structure_similarity(second, first))


def test_a_loop_is_repetition_and_poor_in_words() -> None:
    loop, normal = passage("He saw the old house by the river. " * 60), passage(prose(450, 3))
    assert diversity.repetition(loop) > 95 > 30 > diversity.repetition(normal)
    assert diversity.mattr(loop) < 0.1 < diversity.mattr(normal)
    assert diversity.distinct_2(loop) < 0.05 < diversity.distinct_2(normal)


def test_mattr_is_the_mean_over_all_windows() -> None:
    words = [chr(97 + (i * i) % 23) * 2 for i in range(240)]
    windows = [len(set(words[i : i + 100])) / 100 for i in range(141)]
    assert diversity.mattr(passage(" ".join(words))) == pytest.approx(np.mean(windows))


def test_machine_phrases_are_counted_once_and_whole_words_only() -> None:
    text = "A rich tapestry of delves; she couldn't help but delve. The robustness held."
    arms = {"baseline": [text], "finetuned": [text, ""]}
    uses = diversity.machine_phrases(["She delves. He does not delve."], arms)
    phrases = {use.phrase: use for use in uses.phrases}
    assert list(phrases) == ["delve", "rich tapestry", "couldn't help but"]
    assert [use.author.count for use in phrases.values()] == [1, 0, 0]
    assert phrases["rich tapestry"].arms["finetuned"] == Frequency(count=1, per_10_000_words=10_000 / 13)
    assert uses.total.arms["baseline"].count == 3 and uses.total.author.count == 1
