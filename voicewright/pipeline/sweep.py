"""One run for each combination of values, one after the other, and a table at the end.

Each is an ordinary run with a name of its own; what is done is not done again, and one that fails does not stop
the others.
"""

from __future__ import annotations

import itertools
import sys

from rich.console import Console
from rich.table import Column, Table

from voicewright.core.documents.base import read_document
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import read_json
from voicewright.pipeline.run_selection import RunRequest, select
from voicewright.pipeline.runner import run_until
from voicewright.training import checkpoints


def combinations(words: list[str]) -> list[list[str]]:
    """The overrides of every run, from words of which some name several values."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    choices = []
    for word in words:
        try:
            parsed = OverridesParser.create().parse_override(word)
        except HydraException as error:
            raise UserError(f"SET: {word!r}: {str(error).splitlines()[0]}") from None
        if parsed.is_sweep_override():
            choices.append([f"{parsed.key_or_group}={value}" for value in parsed.sweep_string_iterator()])
        else:
            choices.append([word])
    return [list(choice) for choice in itertools.product(*choices)]


def table(names: list[str]) -> Table:
    """The runs beside one another, with what is known of each."""
    shown = Table(Column("run", overflow="fold"), "steps", "lowest evaluation loss", "at step", "transfer", "decision")
    for name in names:
        run = Run(name)
        end = checkpoints.end_event(run.adapter_dir)
        lowest = [c for c in checkpoints.whole(run.adapter_dir) if c.eval_loss is not None]
        best = min(lowest, key=lambda c: c.eval_loss or 0.0) if lowest else None
        voice = read_document(run.voice_path, VoiceReport) if run.voice_path.exists() else None
        figure = voice.figure("transfer", "finetuned") if voice else None
        transfer = figure.value if figure else None
        decision = read_json(run.decision_path)["decision"] if run.decision_path.exists() else ""
        shown.add_row(
            name, str(end.step) if end else "", f"{best.eval_loss:.4f}" if best else "", str(best.step) if best else "",
            f"{transfer:.1f}" if transfer is not None else "", decision,
        )  # fmt: skip
    return shown


def sweep(recipe: str, overrides: list[str], until: str = "report") -> None:
    """Run a recipe with each combination of values up to a stage, then print the table of the runs.

    A run that fails does not stop the others. Raises UserError for a mistake before the first starts, and at the end
    with the runs that failed.
    """
    sources = [word for word in overrides if word.startswith("source=")]  # a path, which Hydra need not understand
    choices = combinations([word for word in overrides if word not in sources])
    selections = [select(RunRequest(recipe=recipe, overrides=[*sources, *choice])) for choice in choices]
    failed = []
    for selection in selections:
        selection.tell()
        try:
            run_until(until, selection)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            failed.append(selection.run)
        except SystemExit:  # the stage has said why
            failed.append(selection.run)
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table([selection.run.name for selection in selections]))
    if failed:
        raise UserError([f"run {run.name} failed; its log is in {run.logs_dir}" for run in failed])
