"""The rule of early stopping on curves: falling, flat, noisy, diverging, not a number."""

from __future__ import annotations

import importlib.util
import json
import math
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicewright.core.paths import REPO_DIR

CURVES: dict[str, list[float]] = json.loads((Path(__file__).parent / "curves.json").read_text())


def load() -> ModuleType:
    """The module as Axolotl's environment has it: by path, not as part of a package."""
    spec = importlib.util.spec_from_file_location(
        "plateau", REPO_DIR / "voicewright" / "training" / "axolotl_env" / "plateau.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plateau = load()


def stopped_at(losses: list[float], **rule: Any) -> int | None:
    """The index at which a run with these losses would end; an epoch is ten losses."""
    settings = {"window": 5, "threshold": 1.0, "patience": 3, "min_exposure": 1.0, **rule}
    judge = plateau.Plateau(**settings)
    for index, loss in enumerate(losses):
        decision = judge.add(loss, (index + 1) / 10)
        if decision and decision["stop"]:
            return index
    return None


def test_a_falling_loss_is_never_stopped() -> None:
    assert stopped_at([4 - 0.01 * i for i in range(100)]) is None


def test_a_loss_falling_through_noise_smaller_than_its_fall_is_not_stopped() -> None:
    noise = random.Random(0)
    assert stopped_at([4 - 0.05 * i + noise.gauss(0, 0.05) for i in range(60)]) is None


def test_a_flat_loss_stops_after_patience() -> None:
    assert stopped_at([2.0] * 40) == 19  # ten losses for two windows, then two more looks of five


def test_a_flat_noisy_loss_stops() -> None:
    noise = random.Random(1)
    assert stopped_at([3 + noise.gauss(0, 0.2) for _ in range(100)]) is not None


def test_a_rising_loss_stops() -> None:
    assert stopped_at([2 + 0.02 * i for i in range(40)]) == 19


def test_a_loss_that_is_not_a_number_counts_as_flat() -> None:
    assert stopped_at([4 - 0.1 * i for i in range(15)] + [math.nan] * 15) == 29


def test_nothing_is_stopped_before_the_minimum_exposure() -> None:
    assert stopped_at([2.0] * 100, min_exposure=5.0) == 49


def test_one_flat_look_is_forgiven() -> None:
    steps = [4 - 0.1 * i for i in range(20)]
    assert stopped_at([*steps, *([steps[-1]] * 4), *[steps[-1] - 0.1 * i for i in range(20)]], patience=2) is None


@pytest.mark.parametrize(
    ("name", "window", "ends"), [("training", 20, None), ("evaluation", 2, None), ("overfitting", 3, 8)]
)
def test_curves_recorded_from_real_runs_end_where_they_should(name: str, window: int, ends: int | None) -> None:
    """Of the tiny base: the demo, step by step and epoch by epoch; 10 rows at a constant 1e-2, once an epoch.

    The last has its lowest loss at the third evaluation; the checkpoint to merge is chosen apart from the stop.
    """
    assert stopped_at(CURVES[name], window=window, patience=2, min_exposure=0.3) == ends


@given(st.lists(st.floats(0.1, 10), min_size=6, max_size=40), st.floats(0.01, 100))
def test_the_ratio_does_not_depend_on_the_unit_of_the_loss(losses: list[float], scale: float) -> None:
    first, second = plateau.compare_windows(losses, 3), plateau.compare_windows([scale * loss for loss in losses], 3)
    if abs(first["drop"]) > 1e-3 * max(losses) and first["noise"] > 1e-3 * max(losses):
        assert math.isclose(first["ratio"], second["ratio"], rel_tol=1e-6)
