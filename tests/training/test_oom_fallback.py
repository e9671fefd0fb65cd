from __future__ import annotations

from pathlib import Path

import pytest

from voicewright.core.documents.adaptations import Adaptation
from voicewright.core.documents.base import read_documents
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.training import oom_fallback


def start_run(*overrides: str, name: str = "visions") -> Recipe:
    return recipes.load(name, ["hardware=gpu_24gb", *overrides], run="test")


def test_the_batch_is_halved_and_the_batch_of_an_update_kept(home: Path) -> None:
    recipe = start_run("axolotl.micro_batch_size=4")
    step = oom_fallback.take_next_step(recipe, "out of memory")
    now = recipes.load("test")
    assert step.keeps_checkpoints
    assert now.axolotl["micro_batch_size"] == 2
    assert now.axolotl["gradient_accumulation_steps"] == 16
    assert recipes.frozen_overrides(Run("test")) == ["axolotl.micro_batch_size=4", "hardware=gpu_24gb"]


def test_a_shorter_sequence_shortens_the_rows_and_starts_anew(home: Path) -> None:
    recipe = start_run("axolotl.micro_batch_size=1", "shorter_rows=[]")
    (Run("test").adapter_dir / "checkpoint-4").mkdir(parents=True)
    assert not oom_fallback.take_next_step(recipe, "out of memory").keeps_checkpoints
    now = recipes.load("test")
    assert (now.axolotl["sequence_len"], now.data.max_tokens) == (2048, 2046)
    assert not Run("test").adapter_dir.exists()


def test_lengths_that_the_recipe_names_are_taken_in_turn_and_then_no_more(home: Path) -> None:
    recipe = start_run("shorter_rows=[2048,3072]", "out_of_memory=[sequence]")
    lengths = []
    for _ in range(2):
        oom_fallback.take_next_step(recipe, "out of memory")
        recipe = recipes.load("test")
        lengths.append((recipe.axolotl["sequence_len"], recipe.data.max_tokens))
    assert lengths == [(3072, 3070), (2048, 2046)]
    assert list(oom_fallback.steps(recipe)) == []


def test_the_steps_are_taken_in_the_recipes_order_until_none_is_left(home: Path) -> None:
    recipe, steps = start_run("axolotl.micro_batch_size=2", "shorter_rows=[]"), []
    with pytest.raises(UserError, match="no step of out_of_memory is left"):
        while True:
            steps.append(oom_fallback.take_next_step(recipe, "out of memory").name)
            recipe = recipes.load("test")
    assert steps == ["batch", *["sequence"] * 4, *["rank"] * 2, "model"]
    assert recipe.model.name == "llama3_2_3b"
    assert [each.step for each in read_documents(Run("test").dir / "adapted.jsonl", Adaptation)] == steps


def test_what_was_adapted_does_not_contradict_what_was_set(home: Path) -> None:
    start_run("axolotl.micro_batch_size=4")
    oom_fallback.take_next_step(recipes.load("test"), "out of memory")
    again = recipes.load("visions", ["hardware=gpu_24gb", "axolotl.micro_batch_size=4"], run="test")
    assert again.axolotl["micro_batch_size"] == 2


@pytest.mark.parametrize(
    "line",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
        "MemoryError",
    ],
)
def test_a_child_that_died_of_memory_is_told_by_its_own_words(tmp_path: Path, line: str) -> None:
    (tmp_path / "log").write_text(f"begin\n{line}\n")
    assert line.split(":")[0] in str(oom_fallback.out_of_memory_line(1, tmp_path / "log", 0, 0))


def test_a_child_that_was_killed_by_hand_did_not_run_out_of_memory(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("step 3\nKeyError: 'x'\n")
    assert oom_fallback.out_of_memory_line(-9, tmp_path / "log", 0, oom_fallback.oom_kills()) is None
    assert oom_fallback.out_of_memory_line(1, tmp_path / "log", 0, 0) is None


def test_what_an_earlier_start_said_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("torch.OutOfMemoryError: CUDA out of memory\n")
    before = log.stat().st_size
    with log.open("a") as file:
        file.write("ConnectionError: no network\n")
    assert oom_fallback.out_of_memory_line(1, log, before, 0) is None
    assert oom_fallback.out_of_memory_line(0, log, 0, 0) is None  # it ended well, or was asked to end
    assert oom_fallback.out_of_memory_line(1, log, 0, 0)
