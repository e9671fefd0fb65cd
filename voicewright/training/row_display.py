"""Training rows as the model sees them: what it learns plain, what is only read dimmed.

python -m train.show RUN [rows=3]
"""

from __future__ import annotations

import json
import os
import subprocess

from rich.console import Console
from rich.text import Text

from voicewright.cli import arguments
from voicewright.core import environments, processes
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import AXOLOTL_ENV_DIR, REPO_DIR, Run
from voicewright.core.records import write_text
from voicewright.recipe import recipes
from voicewright.training.rendering import axolotl_yaml


def rows(run: Run, count: int) -> list[list[tuple[str, bool]]]:
    """Pieces of text, each with whether it is learnt, of the first rows as Axolotl tokenises them."""
    if not run.row_files("train"):
        raise UserError(f"run {run.name!r} has no rows yet", hint=f"make prepare RUN={run.name}")
    yaml_path = run.dir / "show.yaml"  # of its own: axolotl.yaml is the render stage's
    write_text(yaml_path, axolotl_yaml(recipes.load(run.name)))
    log_path = run.logs_dir / "show.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("w") as log:
        result = subprocess.run(
            [environments.python("train"), AXOLOTL_ENV_DIR / "rows.py", yaml_path, str(count)],
            cwd=REPO_DIR,
            env={**os.environ, **environments.environment_variables("train"), "PYTHONPATH": str(AXOLOTL_ENV_DIR)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
        )
    line = next((line for line in result.stdout.splitlines() if line.startswith("ROWS ")), None)
    if line is None:
        raise UserError(
            ["Axolotl could not read the rows:", *processes.tail(log_path)], hint=f"make prepare RUN={run.name}"
        )
    return [[(str(text), bool(learnt)) for text, learnt in row] for row in json.loads(line.removeprefix("ROWS "))]


def styled(row: list[tuple[str, bool]]) -> Text:
    """One row: learnt text as it is, the rest dim."""
    return Text.assemble(*((text, "" if learnt else "dim") for text, learnt in row))


@exits_cleanly
def main() -> None:
    name, options = arguments.parse(__doc__, {"rows": "3"})
    console = Console()
    for number, row in enumerate(rows(Run(name), int(options["rows"] or 3)), 1):
        learnt = sum(len(text) for text, is_learnt in row if is_learnt)
        console.rule(f"row {number}: {learnt} of {sum(len(text) for text, _ in row)} characters are learnt")
        console.print(styled(row))


if __name__ == "__main__":
    main()
