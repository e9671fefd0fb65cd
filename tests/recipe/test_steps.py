"""The one count of optimizer steps, and that the plan and the data card both state it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from voicewright.core.paths import CONFIGS_DIR, Run
from voicewright.core.records import write_json, write_rows
from voicewright.data import stats
from voicewright.pipeline import plan
from voicewright.recipe import recipes, steps
from voicewright.recipe.schema import Recipe

LENGTHS = [1000 + 37 * i for i in range(75)]


def composed(*overrides: str) -> Recipe:
    return recipes.compose("visions", list(overrides)).recipe


@pytest.mark.parametrize("packing", ["true", "false"])
@pytest.mark.parametrize("hardware", sorted(path.stem for path in CONFIGS_DIR.glob("hardware/*.yaml")))
def test_the_plan_and_the_data_card_state_the_same_steps_on_every_machine(
    hardware: str, packing: str, home: Path
) -> None:
    packs = packing == "true" and not hardware.startswith(("cpu", "apple"))
    recipe = composed(f"hardware={hardware}", *(["axolotl.sample_packing=true"] if packs else []))
    run = Run(recipe.run)
    rows = [{"id": str(i), "source": "a", "text": "A sentence.", "tokens": n - 1} for i, n in enumerate(LENGTHS)]
    write_rows(run.rows_path("completion", "train"), rows)
    write_json(run.stats_path, {"format": {"special_tokens": 1}})
    card = stats.training_estimate(recipe, LENGTHS)
    console = Console(width=200)
    with console.capture() as capture:
        console.print(plan.table(plan.make_plan(recipe, [])))
    (line,) = (line for line in capture.get().splitlines() if " steps " in line)
    assert f" {card.steps:,} of {card.batch} rows" in line


def test_rows_are_rounded_up_once_over_all_epochs_processes_and_accumulation() -> None:
    lengths = [2000] * 100
    assert steps.count_steps(composed(), lengths).total == 38  # 3 epochs of 100 rows, 8 at a time
    assert steps.count_steps(composed("hardware=gpu_2x24gb_zero2"), lengths).total == 19
    assert steps.count_steps(composed("axolotl.max_steps=5"), lengths).total == 5
    cluster = steps.count_steps(composed("hardware=cluster_2x8x80gb"), [2000] * 200)
    assert (cluster.batch, cluster.total) == (128, 5)


def test_packs_that_fill_no_batch_are_dropped_in_each_epoch() -> None:
    recipe = composed("axolotl.sample_packing=true")
    assert steps.estimate_steps(recipe, 1000, 40_960).total == 3
    assert steps.count_steps(recipe, [2048] * 20) == steps.StepCount(batch=8, per_epoch=1, total=3)


def test_the_packs_hold_every_row() -> None:
    assert steps.count_packs([100, 100, 100, 100], 200) == 2
    assert steps.count_packs([150, 60, 60, 60], 200) == 2
    assert steps.count_packs([], 200) == 0
