from __future__ import annotations

import numpy as np
import pytest

from voicewright.decision.coverage_simulation import TARGET, WORLDS, draw_votes, prompt_means, simulate, true_rate


def test_simulated_votes_have_the_rate_they_claim() -> None:
    scores = draw_votes(np.random.default_rng(3), 40_000, TARGET, WORLDS[1])
    assert prompt_means(scores).mean() == pytest.approx(TARGET, abs=0.006)
    assert true_rate(0.0, WORLDS[0]) == pytest.approx(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("n_prompts", [20, 57, 200])
def test_intervals_cover_and_a_model_at_the_target_is_rarely_deployed(n_prompts: int) -> None:
    result = simulate(2000, 5, n_prompts, TARGET, WORLDS[1])
    assert 0.93 <= result.coverage <= 0.97 + 0.005
    assert result.passed <= 0.025
    assert result.passed_in_three_looks <= 0.025
    assert result.coverage_naive < 0.9
