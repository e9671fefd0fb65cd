"""Training rows as the model sees them: what the loss is taken on plain, what is only read dimmed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice

from rich.console import Console
from rich.text import Text

from voicewright.core.documents.base import read_documents
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import Run
from voicewright.core.records import write_text
from voicewright.core.rows import TrainingRow
from voicewright.data import trained_tokens
from voicewright.data.trained_tokens import Segment
from voicewright.recipe import recipes
from voicewright.training import axolotl_scripts
from voicewright.training.rendering import axolotl_yaml


def show_rows(run: Run, count: int = 3, *, by_axolotl: bool = False) -> None:
    """Print the first training rows. Raises UserError before `prepare` has run."""
    if not run.row_files("train"):
        raise UserError(f"run {run.name!r} has no rows yet", hint=f"make prepare RUN={run.name}")
    console = Console()
    for number, row in enumerate((axolotl_rows if by_axolotl else tokenized_rows)(run, count), 1):
        trained = sum(len(segment.text) for segment in row if segment.is_trained)
        length = sum(len(segment.text) for segment in row)
        console.rule(f"row {number}: {trained} of {length} characters are trained on")
        console.print(styled(row))


def tokenized_rows(run: Run, count: int) -> list[list[Segment]]:
    """The first training rows, tokenised by the base model's tokenizer and labelled by Axolotl's rules."""
    try:
        tokenizer = trained_tokens.load(recipes.load(run.name))
    except UserError as error:  # a template that only Axolotl has
        notice(f"{error.problems[0]}; Axolotl itself reads the rows")
        return axolotl_rows(run, count)
    rows = chain.from_iterable(read_documents(path, TrainingRow) for path in run.row_files("train"))
    return [tokenizer.segments(row) for row in islice(rows, count)]


def axolotl_rows(run: Run, count: int) -> list[list[Segment]]:
    """The first training rows as Axolotl itself tokenises them, in the order in which it shuffles them."""
    yaml_path = run.dir / "show.yaml"  # of its own: axolotl.yaml is the render stage's
    write_text(yaml_path, axolotl_yaml(recipes.load(run.name)))
    answer = axolotl_scripts.run_script(
        "rows.py",
        {"config": str(yaml_path), "count": count},
        task="reading the rows",
        log_path=run.logs_dir / "show.log",
    )
    return [[Segment(str(text), bool(is_trained)) for text, is_trained in row] for row in answer]


def styled(row: Sequence[Segment]) -> Text:
    """One row: trained text as it is, the rest dim."""
    return Text.assemble(*((segment.text, "" if segment.is_trained else "dim") for segment in row))
