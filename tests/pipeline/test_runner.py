from __future__ import annotations

from pathlib import Path

import pytest

from voicewright.core.documents.manifest import read_manifest
from voicewright.core.paths import Run
from voicewright.pipeline import runner, stages
from voicewright.pipeline.run_selection import RunRequest, Selection, select
from voicewright.pipeline.stages import STAGES, Stage


def toy(name: str, needs: tuple[str, ...], source: str, keys: tuple[str, ...] = ()) -> Stage:
    return Stage(
        name,
        needs=needs,
        keys=keys,
        inputs=lambda run, _: [run.dir / source],
        outputs=lambda run, _: [run.dir / f"{name}.txt"],
        module="tests.pipeline.toy_stage",
    )


@pytest.fixture
def demo(home: Path, monkeypatch: pytest.MonkeyPatch) -> Selection:
    """The run `demo` with three stages, each of which copies the file of the one before."""
    chain = (toy("a", (), "source.txt", ("data",)), toy("b", ("a",), "a.txt", ("axolotl.lora_r",)))
    monkeypatch.setattr(stages, "STAGES", (*chain, toy("c", ("b",), "b.txt")))
    selection = select(RunRequest(recipe="demo"))
    selection.begin()
    (Run("demo").dir / "source.txt").write_text("material ")
    return selection


def count(name: str) -> int:
    path = Run("demo").dir / f"{name}.count"
    return int(path.read_text()) if path.exists() else 0


def test_a_target_runs_the_stages_before_it_and_none_after(demo: Selection) -> None:
    runner.run_until("b", demo)
    assert (Run("demo").dir / "b.txt").read_text() == "material ab"
    assert (count("a"), count("b"), count("c")) == (1, 1, 0)


def test_what_is_done_is_not_done_again(demo: Selection, capfd: pytest.CaptureFixture[str]) -> None:
    runner.run_until("c", demo)
    runner.run_until("c", demo)
    assert (count("a"), count("b"), count("c")) == (1, 1, 1)
    assert "up to date" in capfd.readouterr().out


def test_changed_material_runs_what_follows_from_it(demo: Selection) -> None:
    runner.run_until("c", demo)
    (Run("demo").dir / "source.txt").write_text("other ")
    runner.run_until("c", demo)
    assert (Run("demo").dir / "c.txt").read_text() == "other abc"


def test_a_changed_output_runs_only_what_reads_it(demo: Selection) -> None:
    runner.run_until("c", demo)
    (Run("demo").dir / "b.txt").write_text("placebo ")
    runner.run_until("c", demo)
    assert (count("a"), count("b"), count("c")) == (1, 1, 2)
    assert (Run("demo").dir / "c.txt").read_text() == "placebo c"


def test_a_lost_output_is_made_again(demo: Selection) -> None:
    runner.run_until("c", demo)
    (Run("demo").dir / "a.txt").unlink()
    runner.run_until("c", demo)
    assert (count("a"), count("b"), count("c")) == (2, 1, 1)


@pytest.mark.parametrize("trouble", ["kill", "2"])
def test_a_stage_that_dies_is_not_done_and_the_next_start_goes_on_with_it(demo: Selection, trouble: str) -> None:
    (Run("demo").dir / "b.trouble").write_text(trouble)
    with pytest.raises(SystemExit) as ended:
        runner.run_until("c", demo)
    assert ended.value.code == (137 if trouble == "kill" else 2)
    assert set(read_manifest(Run("demo"))) == {"a"}
    runner.run_until("c", demo)
    assert (count("a"), count("b"), count("c")) == (1, 2, 1)


def test_force_runs_one_stage_again(demo: Selection) -> None:
    runner.run_until("c", demo)
    runner.run_until("c", demo, force="b")
    assert (count("a"), count("b"), count("c")) == (1, 2, 1)


def test_a_dry_run_tells_what_would_run_and_why_and_runs_none(
    demo: Selection, capsys: pytest.CaptureFixture[str]
) -> None:
    runner.run_until("b", demo)
    (Run("demo").dir / "source.txt").write_text("other ")
    capsys.readouterr()
    runner.print_dry_run("c", demo)
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:]]
    assert lines == [
        ["a", "would run: changed: runs/demo/source.txt"],
        ["b", "would run: if a changes what it reads"],
        ["c", "would run: has not finished yet"],
    ]
    assert (count("a"), count("b")) == (1, 1)


def test_a_stale_stage_tells_the_recipes_value_that_changed(demo: Selection) -> None:
    runner.run_until("b", demo)
    changed = select(RunRequest(recipe="demo", run="other", overrides=["axolotl.lora_r=4"])).recipe
    recipe = changed.model_copy(update={"run": "demo"})
    assert [planned.reason for planned in runner.planned_stages("b", recipe)] == [None, "axolotl.lora_r: 16 -> 4"]


def test_a_stale_stage_tells_a_lost_output_and_a_newer_version(
    demo: Selection, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.run_until("a", demo)
    manifest = read_manifest(Run("demo"))
    newer = Stage("a", (), ("data",), stages.STAGES[0].inputs, stages.STAGES[0].outputs, version=2)
    assert runner.stale_reason(newer, demo.recipe, manifest) == "the stage itself has changed: version 1 -> 2"
    (Run("demo").dir / "a.txt").unlink()
    assert runner.stale_reason(newer, demo.recipe, manifest) == "runs/demo/a.txt is missing"


def test_the_manifest_tells_what_a_stage_came_from(demo: Selection) -> None:
    runner.run_until("b", demo)
    entry = read_manifest(Run("demo"))["b"]
    assert entry.recipe == {"axolotl.lora_r": 16}
    assert list(entry.inputs) == ["runs/demo/a.txt"]
    assert entry.peak_memory_mb > 0 and entry.seconds >= 0


def test_every_stage_needs_only_earlier_ones() -> None:
    names: set[str] = set()
    for stage in STAGES:
        assert set(stage.needs) <= names
        names.add(stage.name)
    assert [stage.name for stage in stages.stages_until("render")] == ["render"]


def test_the_worker_has_something_to_call_for_every_stage() -> None:
    from voicewright.pipeline.worker import WORK

    assert list(WORK) == [stage.name for stage in STAGES]
