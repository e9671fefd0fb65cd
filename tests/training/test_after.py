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
from voicewright.pipeline.run_selection import RunRequest, select
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
    monkeypatch.setattr("voicewright.recipe.validation.REPO_DIR", tmp_path)
    return folder


def second(overrides: list[str]) -> RunRequest:
    return RunRequest(recipe="second", overrides=overrides)


def test_its_base_is_the_merged_model_of_the_other_on_the_same_machine(recipes: Path) -> None:
    assert recipe.compose("second").recipe.axolotl["base_model"] == str(Run("first").merged_dir)
    there = recipe.compose("second", ["hardware=gpu_24gb", "axolotl.lora_r=8"]).recipe
    assert there.axolotl["base_model"] == str(Run("first-hardware_gpu_24gb").merged_dir)


def test_a_base_that_was_asked_for_stays(recipes: Path) -> None:
    second = recipe.compose("second", ["axolotl.base_model=models/tiny-base"]).recipe
    assert second.axolotl["base_model"] == "models/tiny-base"


def test_a_parent_that_does_not_exist_is_named_with_what_was_meant(recipes: Path) -> None:
    path = recipes / "second.yaml"
    path.write_text(path.read_text().replace("after: first", "after: frist"))
    with pytest.raises(UserError, match="did you mean first"):
        recipe.compose("second")


def test_the_parents_stages_come_first(recipes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runner.print_dry_run("train", select(second(["hardware=cpu"])))
    lines = capsys.readouterr().out.splitlines()
    runs = [line for line in lines if line.startswith("run ")]
    assert [line.split()[1].rstrip(",") for line in runs] == ["first-hardware_cpu", "second-hardware_cpu"]
    of_parent, of_child = lines[: lines.index(runs[1])], lines[lines.index(runs[1]) :]
    assert any(line.split()[0] == "merge" for line in of_parent)
    assert any(line.split()[0] == "train" for line in of_child)
    assert not any(line.split()[0] == "generate" for line in of_parent)
    assert not (recipes.parent / "runs").exists()


def test_a_base_that_was_asked_for_needs_no_parent(recipes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runner.print_dry_run("train", select(second(["axolotl.base_model=models/tiny-base"])))
    assert "run first" not in capsys.readouterr().out


def test_a_parent_that_fell_back_to_a_smaller_model_is_gone_on_from_as_it_is(
    recipes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "stages_until", lambda target: [])
    overrides = ["hardware=gpu_24gb", "model=qwen3_14b"]
    selection = select(second(overrides))
    parent = Run(Path(selection.recipe.axolotl["base_model"]).name)
    write_rows(parent.dir / "adapted.jsonl", [{"rung": "model", "overrides": ["model=qwen2_5_7b"]}])
    recipe_of_child = runner.run_until("train", selection)
    assert recipe_of_child.model.name == "qwen2_5_7b"
    assert recipe_of_child.axolotl["base_model"] == selection.recipe.axolotl["base_model"]
    again = select(second(overrides))
    assert again.recipe == recipe_of_child == runner.run_until("train", again)


def test_a_parent_that_has_begun_is_taken_as_it_is(recipes: Path) -> None:
    select(RunRequest(recipe="first", run="first-hardware_cpu", overrides=["hardware=cpu", "eval.openings=3"])).begin()
    runner.print_dry_run("train", select(second(["hardware=cpu"])))
    assert recipe.load("first-hardware_cpu").eval.openings == 3


def test_a_smaller_model_of_its_own_comes_after_a_parent_of_that_size(recipes: Path) -> None:
    path = recipes / "second.yaml"
    path.write_text(path.read_text() + "out_of_memory: [model]\n")
    oom_fallback.take_next_step(select(second(["hardware=gpu_24gb", "model=qwen3_14b"])).begin(), "out of memory")
    now = recipe.load("second-hardware_gpu_24gb-model_qwen3_14b")
    assert now.axolotl["base_model"] == str(Run("first-hardware_gpu_24gb-model_qwen2_5_7b").merged_dir)


def test_a_base_that_was_asked_for_leaves_no_smaller_model_to_fall_back_to(recipes: Path) -> None:
    words = ["hardware=gpu_24gb", "model=qwen3_14b", "axolotl.base_model=models/tiny-base", "out_of_memory=[model]"]
    with pytest.raises(UserError, match=r"axolotl\.base_model is set"):
        oom_fallback.take_next_step(select(second(words)).begin(), "out of memory")


def test_a_parent_that_was_merged_anew_is_not_trained_on_in_silence(recipes: Path) -> None:
    run = Run(select(second([])).begin().run)
    weights = Run("first").merged_dir / "model.safetensors"
    write_text(weights, "one model")
    write_text(run.axolotl_path, f"base_model: {weights.parent}")
    assert checkpoints.resume_point(run) is None
    save(run.adapter_dir, 4)
    assert checkpoints.resume_point(run) == run.adapter_dir / "checkpoint-4"
    write_text(weights, "another one")
    with pytest.raises(UserError, match="another base"):
        checkpoints.resume_point(run)
