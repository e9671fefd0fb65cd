"""A recipe that comes after another starts from what that one merges."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.test_checkpoints import save
from voicewright.core import paths
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import write_rows, write_text
from voicewright.pipeline import runner
from voicewright.recipe import recipes as recipe
from voicewright.training import checkpoints, oom_fallback


@pytest.fixture
def recipes(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`first` is the demo; `second` prefers, after it."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    demo = (paths.RECIPES_DIR / "demo.yaml").read_text()
    (folder / "first.yaml").write_text(demo.replace("recipe: demo", "recipe: first"))
    second = demo.replace("recipe: demo", "recipe: second\nafter: first").replace("method: qlora", "method: dpo")
    second = second.replace("{path: manuscripts/sample}", "{path: manuscripts/sample, shape: preference}")
    (folder / "second.yaml").write_text(second)
    monkeypatch.setattr("voicewright.core.paths.RECIPES_DIR", folder)
    monkeypatch.setattr("voicewright.recipe.validation.RECIPES_DIR", folder)
    monkeypatch.setattr("voicewright.recipe.validation.REPO_DIR", tmp_path)
    return folder


def test_its_base_is_the_merged_model_of_the_other_on_the_same_machine(recipes: Path) -> None:
    assert recipe.compose("second").recipe.axolotl["base_model"] == str(Run("first").merged_dir)
    there = recipe.compose("second", ["hardware=gpu_24gb", "axolotl.lora_r=8"]).recipe
    assert there.axolotl["base_model"] == str(Run("first-hardware_gpu_24gb").merged_dir)


def test_a_base_that_was_asked_for_stays(recipes: Path) -> None:
    asked = recipe.compose("second", ["axolotl.base_model=models/tiny-base"]).recipe
    assert asked.axolotl["base_model"] == "models/tiny-base"


def test_a_parent_that_does_not_exist_is_named_with_what_was_meant(recipes: Path) -> None:
    path = recipes / "second.yaml"
    path.write_text(path.read_text().replace("after: first", "after: frist"))
    with pytest.raises(UserError, match="did you mean first"):
        recipe.compose("second")


def test_the_parents_stages_come_first(recipes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = runner.settle("second", ["hardware=cpu"], None)
    runner.run_parents(wanted, dry_run=True)
    runner.run_until("train", wanted, dry_run=True)
    said = [line for line in capsys.readouterr().out.splitlines() if ": " in line]
    parents = [line for line in said if " first-hardware_cpu" in line]
    assert parents and said[: len(parents)] == parents
    assert any("train.merge first-hardware_cpu" in line for line in parents)
    assert any("train.launch second-hardware_cpu" in line for line in said[len(parents) :])
    assert not any("benchmarks.generate first" in line for line in parents)


def test_a_base_that_was_asked_for_needs_no_parent(recipes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = runner.settle("second", ["axolotl.base_model=models/tiny-base"], None)
    assert runner.run_parents(asked, dry_run=True) == asked
    assert capsys.readouterr().out == ""


def test_a_parent_that_fell_back_to_a_smaller_model_is_gone_on_from_as_it_is(recipes: Path) -> None:
    wanted = runner.settle("second", ["hardware=gpu_24gb", "model=qwen3_14b"], None)
    parent = Run(Path(wanted.axolotl["base_model"]).name)
    write_rows(parent.dir / "adapted.jsonl", [{"rung": "model", "overrides": ["model=qwen2_5_7b"]}])
    now = runner.run_parents(wanted, dry_run=True)
    assert now.model.name == "qwen2_5_7b" and now.axolotl["base_model"] == wanted.axolotl["base_model"]
    again = runner.settle("second", ["hardware=gpu_24gb", "model=qwen3_14b"], None)
    assert again == now == runner.run_parents(again, dry_run=True)


def test_a_parent_that_has_begun_is_taken_as_it_is(recipes: Path) -> None:
    runner.settle("first", ["hardware=cpu", "eval.openings=3"], "first-hardware_cpu")
    runner.run_parents(runner.settle("second", ["hardware=cpu"], None), dry_run=True)
    assert recipe.load("first-hardware_cpu").eval.openings == 3


def test_a_smaller_model_of_its_own_comes_after_a_parent_of_that_size(recipes: Path) -> None:
    path = recipes / "second.yaml"
    path.write_text(path.read_text() + "out_of_memory: [model]\n")
    oom_fallback.take_next_step(
        runner.settle("second", ["hardware=gpu_24gb", "model=qwen3_14b"], None), "out of memory"
    )
    now = recipe.load("second-hardware_gpu_24gb-model_qwen3_14b")
    assert now.axolotl["base_model"] == str(Run("first-hardware_gpu_24gb-model_qwen2_5_7b").merged_dir)


def test_a_base_that_was_asked_for_leaves_no_smaller_model_to_fall_back_to(recipes: Path) -> None:
    words = ["hardware=gpu_24gb", "model=qwen3_14b", "axolotl.base_model=models/tiny-base", "out_of_memory=[model]"]
    with pytest.raises(UserError, match=r"axolotl\.base_model is set"):
        oom_fallback.take_next_step(runner.settle("second", words, None), "out of memory")


def test_a_parent_that_was_merged_anew_is_not_trained_on_in_silence(recipes: Path) -> None:
    run = Run(runner.settle("second", [], None).run)
    weights = Run("first").merged_dir / "model.safetensors"
    write_text(weights, "one model")
    write_text(run.axolotl_path, f"base_model: {weights.parent}")
    assert checkpoints.resume_point(run) is None
    save(run.adapter_dir, 4)
    assert checkpoints.resume_point(run) == run.adapter_dir / "checkpoint-4"
    write_text(weights, "another one")
    with pytest.raises(UserError, match="another base"):
        checkpoints.resume_point(run)
