"""Running programs of Axolotl's environment: its own commands, and the scripts of axolotl_env/.

A script reads its request as JSON from standard input and writes its answer as JSON to the file that its first
argument names: whatever Axolotl prints meanwhile cannot be taken for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from voicewright.core import environments
from voicewright.core.errors import UserError
from voicewright.core.paths import AXOLOTL_ENV_DIR, REPO_DIR
from voicewright.core.records import read_json

MAX_LINES = 8


def run_script(name: str, request: Mapping[str, JsonValue], *, task: str, log_path: Path | None = None) -> Any:
    """Run axolotl_env/<name> with Axolotl's Python and return its answer; None where it writes none.

    `task` names what is being done, in the error. Raises UserError with the last lines that the script printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer_path = Path(folder) / "answer.json"
        command = [environments.python("train"), AXOLOTL_ENV_DIR / name, answer_path]
        run_command(command, task=task, log_path=log_path, stdin=json.dumps(request))
        return read_json(answer_path) if answer_path.exists() else None


def run_command(
    command: Sequence[str | Path], *, task: str, log_path: Path | None = None, stdin: str | None = None
) -> None:
    """Run a command in Axolotl's environment, its output added to the log.

    Raises UserError with the last lines of the output where it fails.
    """
    result = subprocess.run(
        [str(word) for word in command],
        cwd=REPO_DIR,
        env={**os.environ, **environments.environment_variables("train"), "PYTHONPATH": str(AXOLOTL_ENV_DIR)},
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if log_path is not None:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("a", encoding="utf-8") as log:
            log.write(result.stdout)
    if result.returncode:
        lines = [f"  {line}" for line in result.stdout.strip().splitlines()[-MAX_LINES:]]
        source = f" From {log_path}:" if log_path else ""
        raise UserError([f"{task} failed, exit code {result.returncode}.{source}", *lines])
