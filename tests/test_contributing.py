"""CONTRIBUTING.md cannot rot: its examples are put into a copy of the tree, each in its place, and their tests run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from voicewright.core.paths import REPO_DIR

FOLDERS = ("benchmarks", "configs", "prepare", "recipes", "serve", "tests", "train", "voicewright")
LINKED = ("models", "manuscripts")
KINDS = {
    "A recipe": "recipes/",
    "A machine": "configs/hardware/",
    "A reader": "voicewright/data/readers/",
    "A shape": "voicewright/data/shapes/",
    "A measure": "voicewright/metrics/",
    "A judge": "configs/judges/",
}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def examples() -> dict[str, dict[str, str]]:
    """By heading, the text of each example by the path that its fence names."""
    text = (REPO_DIR / "CONTRIBUTING.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    fence = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return {title: dict(fence.findall(body)) for title, body in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs Python in a copy of the tree that the examples were added to."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in FOLDERS:
        shutil.copytree(REPO_DIR / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "Makefile"):
        shutil.copy(REPO_DIR / name, tree / name)
    for name in LINKED:
        (tree / name).symlink_to(REPO_DIR / name)
    for added in examples().values():
        for path, text in added.items():
            assert not (tree / path).exists(), f"{path} is there already"
            (tree / path).write_text(text, encoding="utf-8")

    def call(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "VOICEWRIGHT_HOME": "", "PYTHONPATH": "", **variables}
        return subprocess.run(
            [sys.executable, "-m", *words], cwd=tree, env=env, capture_output=True, text=True, check=False
        )

    return call


def test_each_addition_is_one_file_and_at_most_one_test() -> None:
    assert set(examples()) == set(KINDS)
    for title, added in examples().items():
        tests = [path for path in added if path.startswith("tests/")]
        (file,) = set(added) - set(tests)
        assert file.startswith(KINDS[title]), title
        assert len(tests) == (0 if title == "A recipe" else 1), title


@pytest.mark.slow
def test_the_tests_of_the_examples_pass_in_a_copy_of_the_tree(run: Run) -> None:
    tests = [path for added in examples().values() for path in added if path.startswith("tests/")]
    result = run("pytest", *tests)
    assert result.returncode == 0 and f"{len(tests)} passed" in result.stdout, result.stdout[-3000:]


@pytest.mark.slow
def test_the_recipe_of_the_example_renders_and_stays_as_it_is(run: Run) -> None:
    words = ("pytest", "tests/recipe/test_recipe.py", "-k", "letters")
    assert "1 skipped" in run(*words).stdout
    for variables in ({"GOLDEN": "write"}, {}):
        result = run(*words, **variables)
        assert result.returncode == 0 and "2 passed" in result.stdout, result.stdout[-3000:]


@pytest.mark.slow
def test_the_examples_are_written_as_the_rest_is(run: Run) -> None:
    python = [path for added in examples().values() for path in added if path.endswith(".py")]
    for words in (("check",), ("format", "--check")):
        result = run("ruff", *words, *python)
        assert result.returncode == 0, result.stdout
