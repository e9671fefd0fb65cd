from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from voicewright.cli.command import MAKE_VARIABLE
from voicewright.cli.main import cli

Call = Callable[..., Result]


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
