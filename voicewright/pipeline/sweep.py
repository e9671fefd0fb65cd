"""One run for each combination of values, one after the other, and a table at the end.

Each is an ordinary run with a name of its own: finished stages are not repeated, and a run that fails does not stop
the others.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Column, Table

from voicewright.core.documents.base import read_document
from voicewright.core.documents.decision import Decision
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.pipeline.run_selection import RunRequest, select
from voicewright.pipeline.runner import run_until
from voicewright.training import checkpoints


def sweep(recipe: str, overrides: list[str], until: str = "report") -> None:
    """Run a recipe with each combination of values up to a stage, then print the table of the runs.

    A run that fails does not stop the others. Raises UserError for a mistake before the first starts, and at the end
    with the runs that failed.
    """
    sources = [word for word in overrides if word.startswith("source=")]  # a path is not in Hydra's grammar
    choices = combinations([word for word in overrides if word not in sources])
    selections = [select(RunRequest(recipe=recipe, overrides=[*sources, *choice])) for choice in choices]
    failures = []
    for selection in selections:
        selection.print_notices()
        try:
            run_until(until, selection)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            failures.append(selection.run)
        except SystemExit:  # the stage has said why
            failures.append(selection.run)
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table(selection.run for selection in selections))
    if failures:
        raise UserError([f"run {run.name} failed; its log is in {run.logs_dir}" for run in failures])


def combinations(words: Iterable[str]) -> list[list[str]]:
    """The overrides of every run, from words of which some name several values."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    choices = []
    for word in words:
        try:
            override = OverridesParser.create().parse_override(word)
        except HydraException as error:
            raise UserError(f"SET: {word!r}: {str(error).splitlines()[0]}") from None
        if override.is_sweep_override():
            choices.append([f"{override.key_or_group}={value}" for value in override.sweep_string_iterator()])
        else:
            choices.append([word])
    return [list(choice) for choice in itertools.product(*choices)]


def table(runs: Iterable[Run]) -> Table:
    """The runs side by side, with what has been measured of each."""
    rows = Table(Column("run", overflow="fold"), "steps", "lowest evaluation loss", "at step", "transfer", "decision")
    for run in runs:
        end = checkpoints.end_event(run.adapter_dir)
        losses = [(c.eval_loss, c.step) for c in checkpoints.whole(run.adapter_dir) if c.eval_loss is not None]
        voice = read_document(run.voice_path, VoiceReport) if run.voice_path.exists() else None
        transfer = voice.figure("transfer", "finetuned") if voice else None
        decision = read_document(run.decision_path, Decision).decision if run.decision_path.exists() else ""
        rows.add_row(
            run.name,
            str(end.step) if end else "",
            f"{min(losses)[0]:.4f}" if losses else "",
            str(min(losses)[1]) if losses else "",
            f"{transfer.value:.1f}" if transfer and transfer.value is not None else "",
            decision,
        )
    return rows
