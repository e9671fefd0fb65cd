"""Delta against a transcription of its own, and attribution of real novels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from voicewright.core import text as reading
from voicewright.stylometry import baselines, corpus


def transcribed(rates: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Burrows' and Cosine Delta from their definitions, one pair and one word at a time."""
    n, m = len(rates), len(rates[0])
    means = [sum(row[j] for row in rates) / n for j in range(m)]
    spreads = [(sum((row[j] - means[j]) ** 2 for row in rates) / (n - 1)) ** 0.5 for j in range(m)]
    z = [[(row[j] - means[j]) / spreads[j] for j in range(m)] for row in rates]
    burrows = [[sum(abs(a - b) for a, b in zip(x, y, strict=True)) / m for y in z] for x in z]
    cosine = [
        [
            1 - sum(a * b for a, b in zip(x, y, strict=True)) / (sum(a * a for a in x) * sum(b * b for b in y)) ** 0.5
            for y in z
        ]
        for x in z
    ]
    return np.array(burrows), np.array(cosine)


def test_both_deltas_equal_a_transcription_to_1e_9() -> None:
    rates = np.random.default_rng(4).gamma(2.0, 0.01, (9, 40))
    burrows, cosine = transcribed(rates.tolist())
    z = baselines.z_scores(rates, rates)
    assert np.abs(baselines.burrows_delta(z, z) - burrows).max() < 1e-9
    assert np.abs(baselines.cosine_delta(z, z) - cosine).max() < 1e-9


def test_a_trial_scores_texts_by_the_deltas_of_the_transcription() -> None:
    rates = np.random.default_rng(5).gamma(2.0, 0.01, (12, 30))
    # Profiles of a candidate and two imposters, two blocks each; all of them, and no other block, set the scale.
    profiles = [np.array(rows) for rows in ([0, 1], [2, 3], [4, 5])]
    trial = baselines.Trial(np.arange(6, 12), profiles[:1], profiles[1:], np.zeros((6, 1, 2), dtype=bool))
    scores = baselines.score_trial(rates, np.random.default_rng(6).random((12, 9)), trial)
    reference = rates[:6]
    z = (rates - reference.mean(axis=0)) / reference.std(axis=0, ddof=1)
    centres = [z[rows].mean(axis=0) for rows in profiles]
    burrows = np.array([[-np.abs(row - centre).mean() for centre in centres] for row in z[6:]])
    cosine = np.array([[row @ c / np.sqrt((row @ row) * (c @ c)) - 1 for c in centres] for row in z[6:]])
    for name, expected in (("burrows_delta", burrows), ("cosine_delta", cosine)):
        assert np.abs(scores[name] - expected[:, :1]).max() < 1e-9
        others = expected[:, 1:]
        relative = (expected[:, 0] - others.mean(axis=1)) / others.std(axis=1, ddof=1)
        assert np.abs(scores[f"{name}_relative"][:, 0] - relative).max() < 1e-9


def test_no_imposter_is_compared_with_their_own_text_or_with_themselves() -> None:
    excluded = baselines.excluded_imposters(["Hardy", "Eliot"], ["Hardy", "Ward"], ["Ward", "Eliot", "James"])
    assert excluded.tolist() == [[[False] * 3, [True, False, False]], [[False, True, False], [True, True, False]]]
    own, others = np.array([[0.5]]), np.array([[0.1, 0.3, 9.0]])
    # By hand: the mean of .1 and .3 is .2, their standard deviation .14142.
    excluded = np.array([[[False, False, True]]])
    assert baselines.relative_scores(own, others, excluded)[0, 0] == pytest.approx(2.12132, abs=1e-5)


def test_a_word_that_never_varies_carries_no_information() -> None:
    rates = np.array([[0.1, 0.2], [0.1, 0.4], [0.1, 0.3]])
    assert (baselines.z_scores(rates, rates)[:, 0] == 0).all()


def test_a_text_is_attributed_to_the_nearest_other_text() -> None:
    distances = np.array([[0.0, 0.9, 0.2], [0.9, 0.0, 0.8], [0.2, 0.8, 0.0]])
    assert baselines.nearest_authors(distances, ["Hardy", "Eliot", "Ward"]) == ["Ward", "Ward", "Hardy"]


@pytest.mark.slow
def test_leave_one_out_attribution_of_the_novels_is_at_least_92_percent(shared_data: Path) -> None:
    works = corpus.read_works(shared_data / "novels")
    counts = [Counter(reading.words(reading.plain(work.text))) for work in works]
    total: Counter[str] = Counter()
    for count in counts:
        total.update({word: n / count.total() for word, n in count.items()})
    frequent = [word for word, _ in total.most_common(500)]
    rates = np.array([[count[word] / count.total() for word in frequent] for count in counts])
    z = baselines.z_scores(rates, rates)
    authors = [work.author for work in works]
    nearest = baselines.nearest_authors(baselines.cosine_delta(z, z), authors)
    share = np.mean([a == b for a, b in zip(nearest, authors, strict=True)])
    assert share >= 0.92, f"{share:.3f}"
