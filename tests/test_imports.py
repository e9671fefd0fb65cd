"""The folders meet through files and HTTP alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from voicewright.layout import REPO_DIR

STAGES = ("prepare", "train", "serve", "benchmarks")
HEAVY = {"torch", "transformers", "axolotl", "vllm", "peft", "accelerate", "deepspeed", "bitsandbytes"}


def imports_of(path: Path) -> set[str]:
    """The top-level names that a file imports, wherever in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def files_of(folder: str) -> list[Path]:
    return [path for path in sorted((REPO_DIR / folder).rglob("*.py")) if "inside" not in path.parts]


@pytest.mark.parametrize("folder", STAGES)
def test_a_stage_imports_no_other_stage(folder: str) -> None:
    others = set(STAGES) - {folder}
    assert {str(path): found for path in files_of(folder) if (found := imports_of(path) & others)} == {}


def test_the_shared_package_imports_no_stage() -> None:
    assert {str(path): found for path in files_of("voicewright") if (found := imports_of(path) & set(STAGES))} == {}


@pytest.mark.parametrize("folder", [*STAGES, "voicewright"])
def test_nothing_of_ours_imports_a_heavy_engine(folder: str) -> None:
    assert {str(path): found for path in files_of(folder) if (found := imports_of(path) & HEAVY)} == {}


def test_what_runs_inside_an_engines_environment_imports_nothing_of_ours() -> None:
    inside = [path for folder in STAGES for path in (REPO_DIR / folder).glob("inside/*.py")]
    assert inside
    assert {str(path): found for path in inside if (found := imports_of(path) & {*STAGES, "voicewright"})} == {}
