from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from voicewright.cli.command import MAKE_VARIABLE
from voicewright.cli.main import cli
from voicewright.recipe import recipes
from voicewright.recipe.recipes import Composed

Call = Callable[..., Result]


@pytest.fixture(scope="session")
def composed() -> dict[tuple[str, tuple[str, ...], str | None], Composed]:
    """What was composed already: these tests compose the same few recipes, which no test here changes, very often."""
    return {}


@pytest.fixture(autouse=True)
def compose_once(
    composed: dict[tuple[str, tuple[str, ...], str | None], Composed], monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = recipes.compose

    def cached(name: str, overrides: list[str] | None = None, *, run: str | None = None) -> Composed:
        key = (name, tuple(sorted(overrides or [])), run)
        if key not in composed:
            composed[key] = compose(name, overrides, run=run)
        return composed[key]

    monkeypatch.setattr(recipes, "compose", cached)


@pytest.fixture
def call(home: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls the command line in this process, with runs in a folder of the test's own."""
    for name in ("RECIPE", "RUN", "SET", "SOURCE", "FORCE", "CHECKPOINT", "DRY_RUN"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str, make: dict[str, str] | None = None, **variables: str) -> Result:
        """The command of `words`; `make`: the variables of a call by make, `variables`: those of the environment."""
        env = {**variables, **(make or {})}
        if make is not None:
            env[MAKE_VARIABLE] = " ".join(make)
        return CliRunner().invoke(cli, list(words), env=env)

    return run
