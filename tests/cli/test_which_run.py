"""Which run a command acts on: never a guessed one, and never a finished one made again in silence."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from voicewright.cli.decide import next_round
from voicewright.cli.main import cli
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.processes import start
from voicewright.core.records import write_json, write_text
from voicewright.pipeline.run_selection import RunRequest, frozen_recipe, runs_of, select
from voicewright.recipe import recipes
from voicewright.serving.endpoints import print_running

ON_A_RUN = tuple(
    name
    for name, command in cli.commands.items()
    if any(param.name == "target" for param in command.params) and name not in ("new", "sweep", "base", "demo")
)
OTHER_NOVEL = "source=manuscripts/sample_brie"


def begin(name: str, recipe: str = "demo", *overrides: str, finished: tuple[str, ...] = (), at: int = 0) -> Run:
    """A run whose stages are `finished`, last worked on `at` seconds after the others."""
    recipes.freeze(recipes.compose(recipe, list(overrides), run=name))
    run = Run(name)
    write_json(run.manifest_path, {stage: {"identity": "x"} for stage in finished})
    for path in (run.recipe_path, run.manifest_path):
        os.utime(path, (1_000_000 + at, 1_000_000 + at))
    return run


def files(home: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in home.rglob("*") if path.is_file()}


def test_there_is_no_default_run(call: Call) -> None:
    begin("mini")
    for name in ON_A_RUN:
        result = call(name)
        assert result.exit_code == 2, (name, result.output)
        if name != "stop":
            assert "runs: mini" in result.stderr and "RUN=<run>" in result.stderr, name
            assert f"usage: voicewright {name} " in result.stderr, name


def test_a_run_is_enough_and_keeps_its_own_recipe_and_material(call: Call, home: Path) -> None:
    begin("mini", "visions", OTHER_NOVEL, "model=tiny", "hardware=cpu")
    result = call("voice", RUN="mini", DRY_RUN="1")
    assert result.exit_code == 0 and "run mini, recipe visions" in result.stdout
    assert select(RunRequest(run="mini")).recipe == frozen_recipe(Run("mini"))


def test_a_recipe_alone_is_its_latest_run_and_says_so(call: Call) -> None:
    begin("demo", at=1)
    begin("demo-axolotl.lora_r_4", "demo", "axolotl.lora_r=4", at=2)
    begin("visions", "visions", at=3)
    result = call("voice", RECIPE="demo", DRY_RUN="1")
    assert "run demo-axolotl.lora_r_4, recipe demo" in result.stdout
    assert "note: run demo-axolotl.lora_r_4, the latest of demo" in result.stderr
    os.utime(Run("demo").recipe_path)
    assert "run demo, recipe demo" in call("voice", RECIPE="demo", DRY_RUN="1").stdout


def test_a_recipe_without_a_run_begins_one(call: Call) -> None:
    result = call("train", RECIPE="demo", DRY_RUN="1")
    assert "note: new run demo: recipe demo" in result.stderr


def test_the_same_set_is_the_run_that_was_begun_with_it_whatever_its_name(call: Call) -> None:
    begin("mini", "demo", "axolotl.lora_r=4", "eval.samples=2")
    result = call("train", "demo", "eval.samples=2", "axolotl.lora_r=4", DRY_RUN="1")
    assert "run mini, recipe demo" in result.stdout and "the same SET" in result.stderr


def test_a_set_that_a_finished_stage_read_begins_a_new_run_and_says_why(call: Call, home: Path) -> None:
    begin("mini", "demo", "eval.samples=2", finished=("prepare", "render", "train"))
    before = files(home)
    result = call("train", RUN="mini", SET="axolotl.lora_r=4", DRY_RUN="1")
    assert "note: new run mini-axolotl.lora_r_4: recipe demo with axolotl.lora_r=4 eval.samples=2" in result.stderr
    assert "axolotl.lora_r is what render of run mini came from" in result.stderr
    assert files(home) == before
    selection = select(RunRequest(run="mini", overrides=["axolotl.lora_r=4"]))
    selection.begin()
    again = select(RunRequest(run="mini", overrides=["axolotl.lora_r=4"]))
    assert again.run.name == "mini-axolotl.lora_r_4" and again.composed is None


def test_a_set_that_no_finished_stage_read_is_taken_over(call: Call) -> None:
    begin("mini", finished=("prepare", "render", "train"))
    selection = select(RunRequest(run="mini", overrides=["blind.looks=3"]))
    assert selection.run.name == "mini" and "no finished stage reads" in selection.notices[-1]
    selection.begin()
    assert frozen_recipe(Run("mini")).blind.looks == 3
    assert recipes.frozen_overrides(Run("mini")) == ["blind.looks=3"]
    assert select(RunRequest(run="mini")).recipe.blind.looks == 3


def test_a_run_of_another_recipe_is_refused(call: Call) -> None:
    begin("mini")
    for name in ("train", "clean", "stop", "monitor"):
        result = call(name, RECIPE="visions", RUN="mini")
        assert result.exit_code == 2 and "belongs to recipe 'demo', not to 'visions'" in result.stderr


def test_an_unknown_run_is_refused_with_what_was_meant(call: Call) -> None:
    begin("mini")
    for name in ("train", "clean", "stop", "monitor"):
        result = call(name, RUN="mni")
        assert result.exit_code == 2 and "did you mean mini?" in result.stderr


@pytest.mark.parametrize("name", ["..", "/etc", "../runs", ".servers"])
def test_a_run_that_is_a_path_is_refused(call: Call, home: Path, name: str) -> None:
    for command in ("clean", "train", "stop", "voice"):
        assert call(command, RUN=name).exit_code == 2
    assert home.exists()


def test_clean_removes_exactly_one_run(call: Call) -> None:
    first, second = begin("demo"), begin("demo-2")
    refused = call("clean", RECIPE="demo")
    assert refused.exit_code == 2 and "several runs" in refused.stderr and first.dir.exists() and second.dir.exists()
    assert "would remove" in call("clean", RUN="demo-2", DRY_RUN="1").stdout and second.dir.exists()
    assert call("clean", RUN="demo-2").exit_code == 0
    assert first.dir.exists() and not second.dir.exists()
    assert call("clean", RECIPE="demo").exit_code == 0 and not first.dir.exists()


def test_stop_ends_exactly_the_servers_that_were_meant(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    children = {}
    for number, (name, recipe) in enumerate((("demo", "demo"), ("mini", "demo"), ("visions", "visions"))):
        run = begin(name, recipe)
        children[name] = start(
            ["sleep", "60"], log_path=run.logs_dir / "serve.log", record_path=run.child_path("serve-baseline"),
            name="baseline", port=9000 + number,
        )  # fmt: skip

    def running() -> list[str]:
        return [name for name, child in children.items() if child.exit_code() is None]

    try:
        bare = call("stop")
        assert bare.exit_code == 2 and running() == ["demo", "mini", "visions"]
        assert "baseline on port 9001: make stop RUN=mini" in bare.stdout
        assert call("stop", RUN="mini", DRY_RUN="1").exit_code == 0 and len(running()) == 3
        assert call("stop", RUN="mini").exit_code == 0 and running() == ["demo", "visions"]
        assert call("stop", RECIPE="demo").exit_code == 0 and running() == ["visions"]
        assert call("stop", "port=9002").exit_code == 0 and running() == []
        assert call("stop", "all=1").exit_code == 0
        print_running()
        assert "no server" in capsys.readouterr().out
    finally:
        for child in children.values():
            child.popen.kill()


def test_compare_takes_the_run_that_it_is_given(call: Call) -> None:
    begin("mini")
    begin("visions", "visions")
    assert "compares mini" in call("compare", RUN="mini", DRY_RUN="1").stdout
    assert "compares mini, visions" in call("compare", "runs=mini,visions", DRY_RUN="1").stdout
    assert "compares mini, visions" in call("compare", "mini,visions", DRY_RUN="1").stdout
    assert call("compare", "runs=mini,nothing", DRY_RUN="1").exit_code == 2


def test_a_dry_run_leaves_no_file(call: Call, home: Path) -> None:
    names = [name for name in ON_A_RUN if name not in ("stop", "compare")]
    for name in names:
        assert call(name, RECIPE="demo", DRY_RUN="1").exit_code in (0, 2), name
        assert files(home) == {}, name
    begin("mini")
    before = files(home)
    for name in names:
        result = call(name, RUN="mini", DRY_RUN="1")
        assert result.exit_code == 0, (name, result.output)
        assert files(home) == before, name


def test_what_was_trained_is_not_trained_again_for_a_recipe_that_changed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin("mini", "demo", finished=("prepare", "render"))
    text = run.recipe_path.read_text().replace("lora_r: 16", "lora_r: 4")  # as if the recipe's file had been edited
    write_text(run.recipe_path, text)
    assert "axolotl.lora_r" in select(RunRequest(run="mini")).notices[0]
    write_text(run.adapter_dir / "checkpoint-8" / "trainer_state.json", "{}")
    with pytest.raises(UserError, match=r"lora_r: 4 -> 16"):
        select(RunRequest(run="mini"))


def test_a_change_to_the_evaluation_is_taken_over(home: Path) -> None:
    run = begin("mini")
    write_text(run.adapter_dir / "checkpoint-8" / "trainer_state.json", "{}")
    samples = frozen_recipe(run).eval.samples
    write_text(run.recipe_path, run.recipe_path.read_text().replace(f"  samples: {samples}\n", "  samples: 17\n", 1))
    selection = select(RunRequest(run="mini"))
    assert selection.recipe.eval.samples == samples and "eval.samples" in selection.notices[0]


def test_the_runs_of_a_recipe_are_sorted_by_when_they_were_worked_on(home: Path) -> None:
    begin("a", at=1)
    begin("b", at=3)
    begin("c", at=2)
    assert [run.name for run in runs_of("demo")] == ["b", "c", "a"]


def test_demo_is_the_run_of_that_name(call: Call) -> None:
    begin("demo", at=1)
    begin("demo-x", "demo", "axolotl.lora_r=4", at=2)
    assert "run demo, recipe demo" in call("demo", DRY_RUN="1").stdout
    assert "run demo-x, recipe demo" in call("demo", SET="axolotl.lora_r=4", DRY_RUN="1").stdout


def test_the_next_round_that_preferences_prints_is_a_command_that_works(call: Call) -> None:
    run = begin("mini", "freethought", "model=tiny", "hardware=cpu")
    program, *words = shlex.split(next_round(run))
    assert program == "make" and "after=" not in " ".join(words)
    variables = dict(word.split("=", 1) for word in words[1:])
    result = call(words[0], make={**variables, "DRY_RUN": "1"})
    assert result.exit_code == 0, result.output
    assert "run mini-round2, recipe freethought" in result.stdout
