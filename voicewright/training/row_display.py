"""Training rows as the model sees them: what it learns plain, what is only read dimmed."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import write_text
from voicewright.recipe import recipes
from voicewright.training import axolotl_scripts
from voicewright.training.rendering import axolotl_yaml


def rows(run: Run, count: int) -> list[list[tuple[str, bool]]]:
    """Segments of text, each with whether it is trained on, of the first rows as Axolotl tokenises them."""
    if not run.row_files("train"):
        raise UserError(f"run {run.name!r} has no rows yet", hint=f"make prepare RUN={run.name}")
    yaml_path = run.dir / "show.yaml"  # of its own: axolotl.yaml is the render stage's
    write_text(yaml_path, axolotl_yaml(recipes.load(run.name)))
    answer = axolotl_scripts.run_script(
        "rows.py",
        {"config": str(yaml_path), "count": count},
        task="reading the rows",
        log_path=run.logs_dir / "show.log",
    )
    return [[(str(text), bool(is_trained)) for text, is_trained in row] for row in answer]


def styled(row: list[tuple[str, bool]]) -> Text:
    """One row: trained text as it is, the rest dim."""
    return Text.assemble(*((text, "" if is_trained else "dim") for text, is_trained in row))


def show(run: Run, count: int) -> None:
    """Print the first `count` training rows. Raises UserError where there are none."""
    console = Console()
    for number, row in enumerate(rows(run, count), 1):
        trained = sum(len(text) for text, is_trained in row if is_trained)
        console.rule(f"row {number}: {trained} of {sum(len(text) for text, _ in row)} characters are trained on")
        console.print(styled(row))
