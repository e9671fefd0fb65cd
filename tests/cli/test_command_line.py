"""The form of the command line: words, variables, help, exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Call
from voicewright.cli.command import SECTIONS, Command, spelled_here
from voicewright.cli.main import cli
from voicewright.core.paths import REPO_DIR
from voicewright.pipeline.stages import STAGES
from voicewright.recipe import recipes

COMMANDS = {name: command for name, command in cli.commands.items() if isinstance(command, Command)}
MAKEFILE = (REPO_DIR / "Makefile").read_text(encoding="utf-8")
FOLDERS = ("prepare", "train", "serve", "benchmarks")
SCRIPTS = [path for folder in FOLDERS for path in sorted((REPO_DIR / folder).glob("*.py")) if path.stem != "__init__"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_an_example(call: Call, name: str) -> None:
    result = call(name, "--help")
    assert result.exit_code == 0, result.output
    assert COMMANDS[name].section in SECTIONS
    assert COMMANDS[name].examples and f"voicewright {COMMANDS[name].examples[0]}" in " ".join(result.output.split())


def test_every_stage_but_packet_is_a_command() -> None:
    assert {stage.name for stage in STAGES} - set(COMMANDS) == {"packet"}  # `blind` makes it


def test_make_has_the_same_commands_and_shows_the_same_help(call: Call) -> None:
    listed = re.search(r"^COMMANDS := ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert listed and sorted(listed[1].replace("\\", "").split()) == sorted(cli.commands)
    by_make, by_name = call("help", make={}), call("--help")
    assert by_make.exit_code == by_name.exit_code == 0
    assert by_make.output.replace("  make ", "  voicewright ").splitlines()[4:] == by_name.output.splitlines()[4:]
    for section in SECTIONS:
        assert f"{section}:" in by_name.output


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_script_is_one_command(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    called = re.search(r'^script\("(\w+)"\)$', text, re.MULTILINE)
    assert called and called[1] in COMMANDS
    assert len(text.splitlines()) <= 10


def test_a_script_is_called_with_the_words_of_its_command(tmp_path: Path) -> None:
    env = {**os.environ, "VOICEWRIGHT_HOME": str(tmp_path), "DRY_RUN": "1"}
    words = [sys.executable, "-m", "train.launch", "visions", "axolotl.lora_r=32", "model=tiny", "hardware=cpu"]
    result = subprocess.run(words, cwd=REPO_DIR, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "run visions-axolotl.lora_r_32-hardware_cpu-model_tiny" in result.stdout


WORDS_OF_ONE_CALL = [
    ("visions", "model=tiny", "eval.samples=2"),
    ("recipe=visions", "set=model=tiny eval.samples=2"),
    ("RECIPE=visions", "SET=model=tiny  eval.samples=2"),
    ("--recipe", "visions", "--set", "model=tiny eval.samples=2"),
    ("--recipe=visions", "model=tiny", "--set", "eval.samples=2"),
]


@pytest.mark.parametrize("words", WORDS_OF_ONE_CALL)
def test_a_word_is_an_option_or_a_value_of_the_recipe(call: Call, words: tuple[str, ...]) -> None:
    result = call("render", "dry_run=1", *words)
    assert result.exit_code == 0, result.output
    assert "run visions-eval.samples_2-model_tiny, recipe visions" in result.stdout


def test_a_misspelt_word_is_refused_with_what_was_meant(call: Call) -> None:
    for words, expected in (
        (("chat", "demo", "tokns=5"), "tokns"),
        (("stop", "prot=8002"), "did you mean port"),
        (("runz",), "did you mean runs"),
        (("render", "demo", "axolotl.lora_rr=8"), "did you mean lora_r"),
        (("render", "demo", "moddel=tiny"), "did you mean model"),
        (("render", "demo", "forse=render"), "did you mean force"),
        (("voice", "demo", "force=vioce"), "did you mean voice"),
        (("prepare", "demo", "force=merge"), "expected one of prepare"),
        (("render", "dmeo"), "did you mean demo"),
        (("chat", "demo", "tokens=many"), "expected a number of at least 1, found 'many'"),
        (("serve", "demo", "port=80000"), "expected a number from 1 to 65535"),
        (("render", "demo", "set=axolotl.lora_r='8"), "no closing quotation"),
        (("merge", "demo", "checkpoint=bets"), "best"),
    ):
        result = call(*words)
        assert result.exit_code == 2 and expected in result.stderr, (words, result.output)


def test_makes_misspelt_variables_and_targets_are_refused_with_what_was_meant(call: Call) -> None:
    for words, make, expected in (
        (("train",), {"set": "model=tiny"}, "did you mean SET"),
        (("train",), {"SORCE": "x"}, "did you mean SOURCE"),
        (("train",), {"axolotl.lora_r": "8"}, 'SET="axolotl.lora_r='),
        (("train",), {"model": "tiny"}, 'SET="model='),
        (("clean",), {"RNU": "mini"}, "did you mean RUN"),
        (("tran",), {}, "no such make target: tran, did you mean train?"),
    ):
        result = call(*words, make=make)
        assert result.exit_code == 2 and expected in result.stderr, (make, result.output)


def test_make_itself_refuses_them_too(home: Path) -> None:
    for words, expected in ((["tran"], "did you mean train?"), (["train", "SORCE=x y"], "did you mean SOURCE")):
        done = subprocess.run(["make", *words], cwd=REPO_DIR, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and expected in done.stderr, done.stderr


def test_variables_of_programs_below_are_no_mistake_of_make(call: Call) -> None:
    given = {"HF_TOKEN": "x", "ACCEL": "cpu", "RECIPE": "demo", "DRY_RUN": "1", "CUDA_VISIBLE_DEVICES": ""}
    assert call("render", make=given).exit_code == 0


def test_a_variable_of_the_environment_counts_only_where_every_command_has_it(call: Call) -> None:
    assert "run other" in call("render", RECIPE="demo", RUN="other", DRY_RUN="1").stdout
    # PORT of some other program must not move a server.
    assert "8010" in call("blind", "demo", PORT="9999", DRY_RUN="1").stdout


VALUE = 'it\'s "$5" `x` \\ $(touch {0}) $(shell touch {0}) $$HOME #1 é\n  second line'


def test_makes_values_arrive_as_they_were_typed_and_never_run(home: Path) -> None:
    trap = home / "ran"
    value = VALUE.format(trap)
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    done = subprocess.run(
        ["make", "render", "RECIPE=demo", "RUN=r", "DRY_RUN=1", f'SET=axolotl.wandb_name="{quoted}"'],
        cwd=REPO_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not trap.exists()
    assert f"note: new run r: recipe demo with axolotl.wandb_name={value}\n" in done.stderr
    assert recipes.compose("demo", [f"axolotl.wandb_name={value}"]).recipe.axolotl["wandb_name"] == value


@pytest.mark.parametrize("name", COMMANDS)
def test_without_words_a_command_needs_none_or_shows_what_it_needs_and_ends_with_2(call: Call, name: str) -> None:
    result = call(name, DRY_RUN="1")
    if name in ("runs", "doctor", "setup", "upstream", "demo", "rollback", "simulate"):
        assert result.exit_code == 0, result.output
        return
    assert result.exit_code == 2, result.output
    shown = result.output
    assert "which run?" in shown or "Usage:" in shown or "no server of this project" in shown


def test_a_command_that_needs_words_takes_them_from_the_environment_too(call: Call) -> None:
    result = call("sweep", RECIPE="demo", SET="axolotl.lora_r=4,8 until=train", DRY_RUN="1")
    assert result.exit_code == 0 and "up to train" in result.stdout, result.output


def test_no_command_at_all_is_the_help_and_2(call: Call) -> None:
    result = call()
    assert result.exit_code == 2 and "Usage:" in result.output


def test_interrupted_is_130_and_a_bug_keeps_its_traceback(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("voicewright.pipeline.runs.print_runs", interrupt)
    result = call("runs")
    assert result.exit_code == 130 and "goes on from here" in result.stderr

    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("voicewright.pipeline.runs.print_runs", fail)
    assert isinstance(call("runs").exception, ZeroDivisionError)


def test_the_help_waits_for_no_part_of_the_library() -> None:
    script = (
        "import sys, voicewright.cli.main\n"
        "heavy = {'pydantic', 'numpy', 'sklearn', 'scipy', 'hydra', 'omegaconf', 'yaml', 'rich'}\n"
        "print(sorted(heavy & {name.split('.')[0] for name in sys.modules}))"
    )
    shown = subprocess.run([sys.executable, "-c", script], cwd=REPO_DIR, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_an_installed_package_prints_no_command_of_make(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicewright.cli.command.IS_CHECKOUT", False)
    assert "Hint: voicewright all RECIPE=<recipe> RUN=gone" in call("voice", "run=gone").stderr
    assert spelled_here("`make doctor` says it") == "`voicewright doctor` says it"
    assert spelled_here("make the recipe again") == "make the recipe again"


def test_completion_offers_runs_and_recipes(call: Call) -> None:
    from click.shell_completion import ShellComplete

    completion = ShellComplete(cli, {}, "voicewright", "_VOICEWRIGHT_COMPLETE")
    assert "demo" in [item.value for item in completion.get_completions(["train"], "de")]
    assert "validate" in [item.value for item in completion.get_completions([], "val")]
    assert isinstance(cli, click.Group)
