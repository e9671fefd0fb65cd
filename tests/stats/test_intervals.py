from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicewright.decision.coverage_simulation import TARGET, WORLDS, cell, prompt_means, true_rate, votes
from voicewright.decision.targets import outcome
from voicewright.judging.length_bias import diagnose
from voicewright.stats import intervals
from voicewright.stats.intervals import clustered_rate, wilson
from voicewright.stats.power import power_of, prompts_needed


def test_wilson_gives_the_textbook_interval() -> None:
    # Newcombe (1998), table I: 81 of 263 and 0 of 20.
    found = wilson(81, 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (wilson(0, 20).low, wilson(0, 20).high) == pytest.approx((0, 0.1611), abs=5e-5)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60))
def test_an_interval_holds_its_figure_and_stays_within_bounds(means: list[float]) -> None:
    found = clustered_rate(means)
    assert found.low is not None and found.value is not None and found.high is not None
    assert 0 <= found.low <= found.value + 1e-9 and found.value - 1e-9 <= found.high <= 1


def test_a_run_of_wins_is_no_certainty() -> None:
    found = clustered_rate([1.0] * 10)
    assert found.value == 1 and found.high == 1
    assert found.low is not None and 0.5 < found.low < 0.75


def test_one_prompt_says_nothing() -> None:
    assert (clustered_rate([1.0]).low, clustered_rate([1.0]).high) == (0, 1)
    assert clustered_rate([]).value is None


def test_the_interval_is_wider_when_votes_of_a_prompt_agree() -> None:
    divided, agreed = clustered_rate([0.5, 0.6] * 20), clustered_rate([1.0, 0.1] * 20)
    assert (agreed.high or 0) - (agreed.low or 0) > 5 * ((divided.high or 0) - (divided.low or 0))


def test_simulated_votes_have_the_rate_they_claim() -> None:
    scores = votes(np.random.default_rng(3), 40_000, TARGET, WORLDS[1])
    assert prompt_means(scores).mean() == pytest.approx(TARGET, abs=0.006)
    assert true_rate(0.0, WORLDS[0]) == pytest.approx(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("n_prompts", [20, 57, 200])
def test_intervals_cover_and_a_model_at_the_target_is_rarely_deployed(n_prompts: int) -> None:
    found = cell(2000, 5, n_prompts, TARGET, WORLDS[1])
    assert 0.93 <= found["coverage"] <= 0.97 + 0.005
    assert found["passed"] <= 0.025
    assert found["passed_in_three_looks"] <= 0.025
    assert found["coverage_naive"] < 0.9


def test_pass_needs_the_whole_interval_above_the_target() -> None:
    assert outcome(60.1, 70, 60) == "pass"
    assert outcome(60.0, 70, 60) == "inconclusive"
    assert outcome(50, 60.0, 60) == "fail"
    assert outcome(None, None, 60) == "not available"


def test_the_prompts_needed_bring_the_power_that_was_asked_for() -> None:
    means = [1.0, 0.5, 1.0, 0.0, 1.0, 1.0, 0.5, 1.0] * 4
    needed = prompts_needed(means, 0.6)
    assert needed is not None and needed > len(means)
    assert power_of(means, needed, 0.6) == pytest.approx(0.8, abs=0.04)
    assert prompts_needed([0.5, 0.6, 0.4], 0.6) is None


def test_a_length_effect_is_seen_and_taken_out() -> None:
    generator = np.random.default_rng(1)
    longer_a = generator.random(400) < 0.8
    words_a, words_b = np.where(longer_a, 120, 100), np.where(longer_a, 100, 120)
    # Whoever judges here looks at length alone: nine of ten times the longer text wins.
    scores = (generator.random(400) < np.where(longer_a, 0.9, 0.1)).astype(float)
    found = diagnose(list(scores), list(words_a), list(words_b), [str(i) for i in range(400)], 0.95)
    assert found["longer_wins"]["low"] > 0.8
    assert scores.mean() > 0.7
    assert found["length_adjusted"]["low"] < 0.5 < found["length_adjusted"]["high"]


@pytest.mark.parametrize("blocks", [5, 12])
def test_intervals_cover_a_known_mean_at_the_size_of_the_demo(blocks: int) -> None:
    rng, hits = np.random.default_rng(3), 0
    for _ in range(300):
        values = rng.normal(1.0, 0.3, blocks)
        weights = intervals.resampling_weights(blocks, 300, rng, corrected=True)
        found = intervals.percentile_figure(weights @ values / weights.sum(axis=1))
        assert found.low is not None and found.high is not None
        hits += found.low < 1.0 < found.high
    assert hits >= 272


def test_a_ratio_whose_denominator_may_be_0_is_not_identifiable() -> None:
    rng = np.random.default_rng(1)
    wide = rng.normal(0.01, 0.1, 500)
    found = intervals.calibrated_score(np.full(500, 1.0), np.full(500, 0.9), 1.0 - wide)
    assert (found.value, found.status) == (None, "not identifiable")
    sure = intervals.calibrated_score(np.full(500, 1.0), np.full(500, 0.9), np.full(500, 0.8))
    assert (sure.value, sure.low, sure.high) == pytest.approx((50, 50, 50))
