"""The documentation site builds without a warning, and its reference comes from the code."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from voicewright.cli.main import cli
from voicewright.core.paths import REPO_DIR


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with the generated pages and the built site."""
    tree = tmp_path_factory.mktemp("docs")
    for name in ("docs", "recipes", "voicewright"):
        ignored = shutil.ignore_patterns("__pycache__", "generated")
        shutil.copytree(REPO_DIR / name, tree / name, ignore=ignored)
    for name in ("zensical.toml", "CHANGELOG.md", "pyproject.toml"):
        shutil.copy(REPO_DIR / name, tree / name)
    for name in ("configs", "benchmarks"):
        (tree / name).symlink_to(REPO_DIR / name)
    for command in (["docs/generate_reference.py"], ["-m", "zensical", "build", "--strict"]):
        done = subprocess.run([sys.executable, *command], cwd=tree, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return tree


@pytest.mark.slow
def test_every_command_has_its_place_in_the_reference(site: Path) -> None:
    page = (site / "docs" / "reference" / "generated" / "commands.md").read_text(encoding="utf-8")
    assert [name for name, each in cli.commands.items() if not each.hidden and f"\n## {name}\n" not in page] == []


@pytest.mark.slow
def test_every_key_of_a_recipe_is_in_the_reference_with_what_it_does(site: Path) -> None:
    page = (site / "docs" / "reference" / "generated" / "recipe.md").read_text(encoding="utf-8")
    assert "`early_stopping`" in page and "- **`heldout_share`** `float`, default `0.1`: Share of the words" in page


@pytest.mark.slow
def test_a_link_to_a_page_that_is_not_there_stops_the_build(site: Path) -> None:
    (site / "docs" / "index.md").write_text("[nowhere](explanation/nowhere.md)\n")
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"], cwd=site, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and "page does not exist" in done.stderr
