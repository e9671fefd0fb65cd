"""Commands that we print for people: in the README, the recipes' headers and the pages beside them."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from voicewright.core.paths import REPO_DIR
from voicewright.pipeline.stages import STAGES
from voicewright.recipe import recipes

PAGES = [REPO_DIR / "README.md", *sorted((REPO_DIR / "recipes").glob("*.*"))]


def commands() -> list[tuple[str, str]]:
    """(file, command) for each indented or fenced line that starts with make or python -m."""
    found = []
    for path in PAGES:
        if not path.exists():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.match(r"(?:#?\s{4,}|\$ )?((?:make|python -m) .+?)(?:\s{2,}#.*)?$", line)
            if match and (line.startswith(("make", "python -m", "#", "    "))):
                found.append((str(path.relative_to(REPO_DIR)), match[1].strip()))
    return found


def words_of(command: str) -> tuple[list[str], dict[str, str]]:
    words = shlex.split(command)
    variables = dict(word.split("=", 1) for word in words[1:] if re.match(r"[A-Z]+=", word))
    return [word for word in words if not re.match(r"[A-Z]+=", word)], variables


def test_there_are_commands_to_hold() -> None:
    assert len(commands()) > 10
    assert {path for path, _ in commands()} >= {"README.md", *(f"recipes/{name}.yaml" for name in recipes.names())}


@pytest.mark.slow
@pytest.mark.parametrize(("page", "command"), commands())
def test_a_printed_command_would_run(page: str, command: str, tmp_path: Path) -> None:
    words, variables = words_of(command)
    env = {**os.environ, "VOICEWRIGHT_HOME": str(tmp_path), "DRY_RUN": "1"}
    if words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2]), f"{page}: no module {words[2]}"
        shown = subprocess.run(
            [sys.executable, "-m", words[2], "-h"], cwd=REPO_DIR, env=env, capture_output=True, text=True, check=False
        )
        assert shown.returncode == 0 and "usage" in shown.stdout, shown.stderr
        return
    target = words[1] if len(words) > 1 else "help"
    made = [f"{key}={value}" for key, value in variables.items()]
    planned = subprocess.run(
        ["make", "-n", target, *made], cwd=REPO_DIR, env=env, capture_output=True, text=True, check=False
    )
    assert planned.returncode == 0, f"{page}: {planned.stderr}"
    if "RECIPE" in variables:
        assert variables["RECIPE"] in recipes.names() or target == "new", f"{page}: no recipe {variables['RECIPE']}"
    if target in {stage.name for stage in STAGES} | {"all", "demo"}:
        dry = subprocess.run(
            ["make", target, *made], cwd=REPO_DIR, env=env, capture_output=True, text=True, check=False
        )
        assert dry.returncode == 0, f"{page}: {dry.stderr}"
        assert "-m " in dry.stdout


def test_every_make_target_that_the_code_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPO_DIR / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    targets |= {stage.name for stage in STAGES}
    named: dict[str, str] = {}
    for folder in ("voicewright", "prepare", "train", "serve", "benchmarks"):
        for path in (REPO_DIR / folder).rglob("*"):
            if path.suffix in (".py", ".j2", ".js", ".yaml"):
                for target in re.findall(
                    r"[\"'`(>]make ([a-z][a-z-]+)\b(?= [A-Z]+=|[\"'`)<,;])", path.read_text(encoding="utf-8")
                ):
                    named[target] = str(path.relative_to(REPO_DIR))
    assert len(named) > 5
    assert {target: place for target, place in named.items() if target not in targets} == {}
