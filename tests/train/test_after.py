"""A recipe that comes after another starts from what that one merges."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicewright import layout, recipe, stages
from voicewright.errors import UserError
from voicewright.layout import Run


@pytest.fixture
def recipes(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`first` is the demo; `second` prefers, after it."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    demo = (layout.RECIPES_DIR / "demo.yaml").read_text()
    (folder / "first.yaml").write_text(demo.replace("recipe: demo", "recipe: first"))
    second = demo.replace("recipe: demo", "recipe: second\nafter: first").replace("method: qlora", "method: dpo")
    second = second.replace("{path: manuscripts/sample}", "{path: manuscripts/sample, shape: preference}")
    (folder / "second.yaml").write_text(second)
    monkeypatch.setattr("voicewright.layout.RECIPES_DIR", folder)
    monkeypatch.setattr("voicewright.validation.RECIPES_DIR", folder)
    monkeypatch.setattr("voicewright.validation.REPO_DIR", tmp_path)
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
    wanted = stages.settle("second", ["hardware=cpu"], None)
    stages.run_parents(wanted, dry_run=True)
    stages.run_until("train", wanted, dry_run=True)
    said = [line for line in capsys.readouterr().out.splitlines() if ": " in line]
    parents = [line for line in said if " first-hardware_cpu" in line]
    assert parents and said[: len(parents)] == parents
    assert any("train.merge first-hardware_cpu" in line for line in parents)
    assert any("train.launch second-hardware_cpu" in line for line in said[len(parents) :])
    assert not any("benchmarks.generate first" in line for line in parents)
