from __future__ import annotations

from pathlib import Path

import pytest

from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import write_json
from voicewright.pipeline import runner
from voicewright.pipeline import stages as journey
from voicewright.pipeline.stages import Stage
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe


def toy(name: str, needs: tuple[str, ...], source: str, keys: tuple[str, ...] = ()) -> Stage:
    return Stage(
        name,
        "tests.pipeline.toy_stage",
        needs=needs,
        keys=keys,
        inputs=lambda run: [run.dir / source],
        outputs=lambda run: [run.dir / f"{name}.txt"],
        arguments=(name,),
    )


@pytest.fixture
def recipe(home: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    chain = (toy("a", (), "source.txt", ("data",)), toy("b", ("a",), "a.txt", ("axolotl.lora_r",)))
    monkeypatch.setattr(journey, "STAGES", (*chain, toy("c", ("b",), "b.txt")))
    loaded = recipes.load("demo")
    (Run("demo").dir / "source.txt").write_text("material ")
    return loaded


def count(name: str) -> int:
    path = Run("demo").dir / f"{name}.count"
    return int(path.read_text()) if path.exists() else 0


def test_a_target_runs_the_stages_before_it_and_none_after(recipe: Recipe) -> None:
    runner.run_until("b", recipe)
    assert (Run("demo").dir / "b.txt").read_text() == "material ab"
    assert (count("a"), count("b"), count("c")) == (1, 1, 0)


def test_what_is_done_is_not_done_again(recipe: Recipe, capfd: pytest.CaptureFixture[str]) -> None:
    runner.run_until("c", recipe)
    runner.run_until("c", recipe)
    assert (count("a"), count("b"), count("c")) == (1, 1, 1)
    assert "up to date" in capfd.readouterr().out


def test_changed_material_runs_what_follows_from_it(recipe: Recipe) -> None:
    runner.run_until("c", recipe)
    (Run("demo").dir / "source.txt").write_text("other ")
    runner.run_until("c", recipe)
    assert (Run("demo").dir / "c.txt").read_text() == "other abc"


def test_a_changed_output_runs_only_what_reads_it(recipe: Recipe) -> None:
    runner.run_until("c", recipe)
    (Run("demo").dir / "b.txt").write_text("placebo ")
    runner.run_until("c", recipe)
    assert (count("a"), count("b"), count("c")) == (1, 1, 2)
    assert (Run("demo").dir / "c.txt").read_text() == "placebo c"


def test_a_lost_output_is_made_again(recipe: Recipe) -> None:
    runner.run_until("c", recipe)
    (Run("demo").dir / "a.txt").unlink()
    runner.run_until("c", recipe)
    assert (count("a"), count("b"), count("c")) == (2, 1, 1)


@pytest.mark.parametrize("trouble", ["kill", "2"])
def test_a_stage_that_dies_is_not_done_and_the_next_start_goes_on_with_it(recipe: Recipe, trouble: str) -> None:
    (Run("demo").dir / "b.trouble").write_text(trouble)
    with pytest.raises(SystemExit) as ended:
        runner.run_until("c", recipe)
    assert ended.value.code == (137 if trouble == "kill" else 2)
    assert set(runner.read_manifest(Run("demo"))) == {"a"}
    runner.run_until("c", recipe)
    assert (count("a"), count("b"), count("c")) == (1, 2, 1)


def test_force_runs_one_stage_again(recipe: Recipe) -> None:
    runner.run_until("c", recipe)
    runner.run_until("c", recipe, force="b")
    assert (count("a"), count("b"), count("c")) == (1, 2, 1)


def test_a_dry_run_names_the_commands_and_runs_none(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    runner.run_until("b", recipe, dry_run=True)
    assert "toy_stage demo a" in capsys.readouterr().out
    assert count("a") == 0


def test_the_manifest_tells_what_a_stage_came_from(recipe: Recipe) -> None:
    runner.run_until("b", recipe)
    entry = runner.read_manifest(Run("demo"))["b"]
    assert entry["recipe"] == {"axolotl.lora_r": 16}
    assert list(entry["inputs"]) == ["runs/demo/a.txt"]
    assert entry["peak_memory_mb"] > 0 and entry["seconds"] >= 0


def test_a_change_to_what_was_trained_with_is_refused_once_there_is_a_model(recipe: Recipe) -> None:
    write_json(Run("demo").manifest_path, {"train": {"identity": "x"}})
    recipes.freeze(recipes.compose("demo", ["axolotl.lora_r=4"], run="demo"))
    (Run("demo").dir / "overrides.json").write_text("[]")  # as if the recipe's file had been edited since
    with pytest.raises(UserError, match="lora_r: 4 -> 16"):
        runner.settle("demo", [], None)


def test_a_change_to_the_evaluation_is_taken_over(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    recipes.freeze(recipes.compose("demo", ["eval.samples=7"], run="demo"))
    (Run("demo").dir / "overrides.json").write_text("[]")
    assert runner.settle("demo", [], None).eval.samples == recipe.eval.samples
    assert "eval.samples" in capsys.readouterr().err


def test_every_stage_of_the_journey_needs_only_earlier_ones() -> None:
    from voicewright.pipeline.stages import STAGES

    seen: set[str] = set()
    for stage in STAGES:
        assert set(stage.needs) <= seen
        seen.add(stage.name)
    assert [stage.name for stage in journey.journey("render")] == ["render"]
