"""The runs on this disk: how far each is, and how one is removed."""

from __future__ import annotations

import shutil
import sys

import yaml
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from voicewright.core import processes
from voicewright.core.documents.base import read_document
from voicewright.core.documents.decision import Decision
from voicewright.core.documents.manifest import read_manifest
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.pipeline.run_selection import RunRequest, run_names, runs_of, select_existing
from voicewright.pipeline.stages import STAGES


def runs_table() -> Table:
    """One row a run: its recipe, base, steps and checkpoints, the last stage done, time spent, the figures."""
    table = Table(
        "run", "recipe", "base", "method", "steps", "saved", "done", "min", "transfer", "decision",
        box=SIMPLE_HEAD, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for name in run_names():
        run = Run(name)
        recipe = yaml.safe_load(run.recipe_path.read_text(encoding="utf-8"))
        manifest = read_manifest(run)
        finished = [stage.name for stage in STAGES if stage.name in manifest]
        minutes = sum(entry.seconds for entry in manifest.values()) / 60
        decision = read_document(run.decision_path, Decision).decision if run.decision_path.exists() else ""
        steps = [
            int(step) for p in run.adapter_dir.glob("checkpoint-*") if (step := p.name.partition("-")[2]).isdigit()
        ]
        table.add_row(
            name, recipe["recipe"], recipe["model"]["name"], recipe["method"],
            str(max(steps, default="")), str(len(steps) or ""), finished[-1] if finished else "", f"{minutes:.1f}",
            transfer(run), decision,
        )  # fmt: skip
    return table


def transfer(run: Run) -> str:
    """The fine-tuned arm's voice transfer with its interval, where it has been measured."""
    if not run.voice_path.exists():
        return ""
    figure = read_document(run.voice_path, VoiceReport).figure("transfer", "finetuned")
    if figure is None:
        return ""
    return f"{figure.value:.0f} [{figure.low:.0f}, {figure.high:.0f}]" if figure.is_known else figure.status


def print_runs() -> None:
    """The table of runs on standard output."""
    # A pipe has no width: nothing is folded for it.
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(runs_table() if run_names() else "no runs yet: make demo")


def run_to_remove(request: RunRequest) -> Run:
    """The one run that is meant. Raises UserError where a recipe has several: none of them is guessed."""
    request = request.resolved()
    if request.recipe and not request.run:
        runs = runs_of(request.recipe)
        if len(runs) > 1:
            names = ", ".join(run.name for run in runs)
            raise UserError(
                f"recipe {request.recipe!r} has several runs: {names}", hint=f"make clean RUN={runs[0].name}"
            )
    return select_existing(request)


def remove(run: Run) -> None:
    """End what a run started and remove its folder and merged model."""
    for record_path in run.child_path("x").parent.glob("*.json"):
        processes.stop(record_path)
    shutil.rmtree(run.merged_dir, ignore_errors=True)
    shutil.rmtree(run.dir)
    print(f"removed run {run.name}")
