"""Imports point one way: the layers of the library, and what an engine's environment may not see."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from voicewright.core.paths import PACKAGE_DIR, REPO_DIR

CORE = {"core"}
BASE = {"core", "recipe", "stats", "stylometry"}
# Which packages of the library each package may import, besides itself.
ALLOWED = {
    "core": set[str](),
    "stats": CORE,
    "recipe": CORE,
    "stylometry": CORE | {"stats"},
    "serving": CORE | {"recipe"},
    "data": CORE | {"recipe", "serving"},
    "training": CORE | {"recipe", "serving"},
    "generation": CORE | {"recipe", "serving", "stats"},
    "metrics": BASE,
    "judging": BASE | {"serving"},
    "decision": CORE | {"recipe", "stats"},
    "reporting": BASE | {"metrics", "decision"},
}
ABOVE = {"pipeline", "cli"}
SCRIPT_FOLDERS = ("prepare", "train", "serve", "benchmarks")
HEAVY = {"torch", "transformers", "axolotl", "vllm", "peft", "accelerate", "deepspeed", "bitsandbytes"}


def imported_modules(path: Path) -> set[str]:
    """Dotted names of everything that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def packages_of_ours(path: Path) -> set[str]:
    """The packages of the library that a file imports."""
    parts = [name.split(".") for name in imported_modules(path)]
    return {part[1] for part in parts if part[0] == "voicewright" and len(part) > 1}


def library_files(package: str = "") -> list[Path]:
    files = sorted((PACKAGE_DIR / package).rglob("*.py"))
    return [path for path in files if not path.parent.name.endswith("_env")]


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_the_layers_below_it(package: str) -> None:
    violations = {
        (path.name, other)
        for path in library_files(package)
        for other in packages_of_ours(path) - ALLOWED[package] - {package}
    }
    assert violations == set()


def test_every_package_of_the_library_has_its_layer() -> None:
    packages = {path.parent.name for path in PACKAGE_DIR.glob("*/__init__.py")}
    assert packages == {*ALLOWED, *ABOVE}


def test_nothing_imports_a_script() -> None:
    files = [*library_files(), *(REPO_DIR / "tests").rglob("*.py")]
    importers = {
        str(path): names
        for path in files
        if (names := {name for name in imported_modules(path) if name.split(".")[0] in SCRIPT_FOLDERS})
    }
    assert importers == {}


def test_the_library_imports_no_heavy_engine() -> None:
    importers = {
        str(path): names
        for path in library_files()
        if (names := {name.split(".")[0] for name in imported_modules(path)} & HEAVY)
    }
    assert importers == {}


def test_what_runs_in_an_engines_environment_imports_nothing_of_ours() -> None:
    files = [path for folder in PACKAGE_DIR.glob("*/*_env") for path in folder.glob("*.py")]
    assert files
    importers = {str(path) for path in files if any(name.startswith("voicewright.") for name in imported_modules(path))}
    assert importers == set()
