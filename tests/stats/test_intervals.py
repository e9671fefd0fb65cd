from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicewright.stats import intervals
from voicewright.stats.intervals import clustered_rate, wilson
from voicewright.stats.power import power_of, prompts_needed


def test_wilson_gives_the_textbook_interval() -> None:
    # Newcombe (1998), table I: 81 of 263 and 0 of 20.
    rate = wilson(81, 263)
    assert (rate.low, rate.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (wilson(0, 20).low, wilson(0, 20).high) == pytest.approx((0, 0.1611), abs=5e-5)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60))
def test_an_interval_holds_its_figure_and_stays_within_bounds(means: list[float]) -> None:
    rate = clustered_rate(means)
    assert rate.low is not None and rate.value is not None and rate.high is not None
    assert 0 <= rate.low <= rate.value + 1e-9 and rate.value - 1e-9 <= rate.high <= 1


def test_a_run_of_wins_is_no_certainty() -> None:
    rate = clustered_rate([1.0] * 10)
    assert rate.value == 1 and rate.high == 1
    assert rate.low is not None and 0.5 < rate.low < 0.75


def test_one_prompt_says_nothing() -> None:
    assert (clustered_rate([1.0]).low, clustered_rate([1.0]).high) == (0, 1)
    assert clustered_rate([]).value is None


def test_the_interval_is_wider_when_votes_of_a_prompt_agree() -> None:
    divided, agreed = clustered_rate([0.5, 0.6] * 20), clustered_rate([1.0, 0.1] * 20)
    assert (agreed.high or 0) - (agreed.low or 0) > 5 * ((divided.high or 0) - (divided.low or 0))


def test_the_prompts_needed_bring_the_power_that_was_asked_for() -> None:
    means = [1.0, 0.5, 1.0, 0.0, 1.0, 1.0, 0.5, 1.0] * 4
    needed = prompts_needed(means, 0.6)
    assert needed is not None and needed > len(means)
    assert power_of(means, needed, 0.6) == pytest.approx(0.8, abs=0.04)
    assert prompts_needed([0.5, 0.6, 0.4], 0.6) is None


@pytest.mark.parametrize("blocks", [5, 12])
def test_intervals_cover_a_known_mean_at_the_size_of_the_demo(blocks: int) -> None:
    rng, hits = np.random.default_rng(3), 0
    for _ in range(300):
        values = rng.normal(1.0, 0.3, blocks)
        weights = intervals.resampling_weights(blocks, 300, rng, corrected=True)
        figure = intervals.percentile_figure(weights @ values / weights.sum(axis=1))
        assert figure.low is not None and figure.high is not None
        hits += figure.low < 1.0 < figure.high
    assert hits >= 272


def test_a_ratio_whose_denominator_may_be_0_is_not_identifiable() -> None:
    rng = np.random.default_rng(1)
    wide = rng.normal(0.01, 0.1, 500)
    score = intervals.calibrated_score(np.full(500, 1.0), np.full(500, 0.9), 1.0 - wide)
    assert (score.value, score.status) == (None, "not identifiable")
    sure = intervals.calibrated_score(np.full(500, 1.0), np.full(500, 0.9), np.full(500, 0.8))
    assert (sure.value, sure.low, sure.high) == pytest.approx((50, 50, 50))
