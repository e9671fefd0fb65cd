from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from voicewright.core.errors import UserError
from voicewright.stats.agreement import agreement, cohen
from voicewright.stats.bradley_terry import bradley_terry


def test_pandalms_published_kappas_come_out(shared_data: Path) -> None:
    rows = json.loads((shared_data / "judgments/pandalm/testset-v1.json").read_text())
    annotators = [[row[f"annotator{k}"] for row in rows] for k in (1, 2, 3)]
    kappas = [cohen(annotators[a], annotators[b], resamples=200) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert [round(k.value or 0, 2) for k in kappas] == [0.85, 0.88, 0.86]
    for kappa in kappas:
        assert kappa.value and kappa.low and kappa.high and kappa.low < kappa.value < kappa.high


def test_krippendorffs_example_with_missing_ratings_comes_out(shared_data: Path) -> None:
    rows = list(csv.reader((shared_data / "judgments/llmfao/codings.csv").open()))
    units = [[row[unit] or None for row in rows] for unit in range(len(rows[0]))]
    coefficients = agreement(units, resamples=200)
    assert coefficients.alpha.value == pytest.approx(0.743421, abs=5e-7)
    # The same table in Gwet's handbook and irrCAC: AC1 .77544, Fleiss (generalised) .76117.
    assert coefficients.ac1.value == pytest.approx(0.77544, abs=5e-6)
    assert coefficients.fleiss.value == pytest.approx(0.76117, abs=5e-6)
    assert (coefficients.n_units, coefficients.n_raters) == (11, 4)


def test_the_golden_bradley_terry_strengths_come_out(shared_data: Path) -> None:
    folder = shared_data / "judgments/llmfao"
    score = {"left": 1.0, "right": 0.0, "tie": 0.5}
    for name in ("food", "llmfao"):
        votes = csv.DictReader((folder / f"{name}.csv").open())
        golden = csv.DictReader((folder / f"{name}-golden.csv").open())
        strengths = bradley_terry([(v["left"], v["right"], score[v["winner"]]) for v in votes])
        expected = {row["item"]: float(row["score"]) for row in golden if row["algorithm"] == "bradley_terry"}
        assert strengths.keys() == expected.keys()
        assert max(abs(strengths[item] - expected[item]) for item in expected) < 1e-9


def test_arms_that_never_lost_have_no_strengths() -> None:
    with pytest.raises(UserError, match="never won or never lost"):
        bradley_terry([("a", "b", 1.0), ("b", "c", 0.5)])


def test_raters_who_always_agree_and_who_agree_by_chance() -> None:
    assert agreement([["x", "x"], ["y", "y"], ["tie", "tie"]] * 4, resamples=50).alpha.value == 1
    chance = agreement([["x", "x"], ["x", "y"], ["y", "x"], ["y", "y"]] * 5, resamples=50)
    assert chance.fleiss.value == pytest.approx(0)
    assert chance.raw.value == 0.5


def test_one_answer_throughout_leaves_kappa_undefined_and_ac1_at_one() -> None:
    coefficients = agreement([["x", "x"]] * 6, resamples=50)
    assert coefficients.fleiss.value is None and coefficients.alpha.value is None
    assert coefficients.ac1.value == 1


def test_units_of_one_prompt_are_resampled_together() -> None:
    ratings = [["x", "x"]] * 10 + [["x", "y"]] * 10 + [["y", "y"]] * 10
    apart = agreement(ratings, resamples=500)
    together = agreement(ratings, prompts=[i // 10 for i in range(30)], resamples=500)
    assert apart.raw.value == together.raw.value
    assert (together.raw.high or 0) - (together.raw.low or 0) > 1.5 * ((apart.raw.high or 0) - (apart.raw.low or 0))
