"""What a training logs, while it runs: the launcher's progress bar, and a view from any other terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from voicewright.core import processes, training_events
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.training_events import TrainingEvent
from voicewright.recipe import recipes, steps
from voicewright.training import checkpoints

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 60
REFRESH_S = 2.0
PLAIN_LINE_EVERY_S = 10.0
# Log events from which the pace is taken.
RECENT_EVENTS = 20
LINE_LENGTH = 200
CURVES = (("loss", "loss"), ("eval_loss", "evaluation loss"), ("learning_rate", "learning rate"))
RATES = (
    ("tokens/train_per_sec_per_gpu", "speed", "tokens a second"),
    ("memory_gb", "memory", "GB at its peak"),
)


class ProgressBar:
    """Follows `events.jsonl`: a bar with step, losses and time left; plain lines where there is no terminal."""

    def __init__(self, adapter_dir: Path, skip: int) -> None:
        """`skip`: how many events to pass over, those of earlier starts."""
        self.adapter_dir = adapter_dir
        self.read_events = skip
        self.losses: dict[str, float] = {}
        self.is_terminal = sys.stdout.isatty()
        self.last_line_at = 0.0
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(),
            disable=not self.is_terminal,
        )
        self.task = self.bar.add_task("loading", total=None, figures="")

    def __enter__(self) -> ProgressBar:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def update(self) -> None:
        """Show the events that were written since the last update."""
        events = training_events.read(self.adapter_dir)
        for event in events[self.read_events :]:
            self._show(event)
        self.read_events = len(events)

    def _show(self, event: TrainingEvent) -> None:
        if event.event == "begin":
            self.bar.update(self.task, description="training", total=event.max_steps, completed=event.step)
        if event.event != "log":
            return
        for name, loss in (("loss", event.loss), ("eval loss", event.eval_loss)):
            if loss is not None:
                self.losses[name] = loss
        figures = "  ".join(f"{name} {loss:.4f}" for name, loss in sorted(self.losses.items(), reverse=True))
        self.bar.update(self.task, completed=event.step, figures=figures)
        is_due = time.monotonic() - self.last_line_at > PLAIN_LINE_EVERY_S or event.eval_loss is not None
        if not self.is_terminal and is_due:
            print(f"step {event.step}: {figures}", flush=True)
            self.last_line_at = time.monotonic()


# --- the monitor


def monitor(run: Run, *, once: bool = False) -> None:
    """Show a run's training until it ends, or once. Raises UserError for an unknown run."""
    if not run.recipe_path.exists():
        raise UserError(f"there is no run {run.name!r}", hint="make runs")
    console = Console()
    if once or not console.is_terminal:
        console.print(view(run))
        return
    with Live(Group(view(run)), console=console, auto_refresh=False) as live:
        while processes.alive(run.child_path("train")):
            live.update(view(run), refresh=True)
            time.sleep(REFRESH_S)
        live.update(view(run), refresh=True)


def view(run: Run) -> Table:
    """Steps, curves, speed, memory, checkpoints and the log's last line of a run's training."""
    events, all_events = checkpoints.events_since_begin(run.adapter_dir), training_events.read(run.adapter_dir)
    table = Table(show_header=False, title=f"{run.name}: {state(run, events)}")
    step = max((event.step for event in events), default=0)
    max_steps = events[0].max_steps if events else planned_steps(run)
    left = seconds_left(events, max_steps)
    eta = f", {left / 60:.1f} minutes left" if left and step < max_steps else ""
    table.add_row("step", f"{step} of {max_steps}{eta}")
    for metric, name in CURVES:
        if points := training_events.curve(all_events, metric):
            lowest = min(points, key=lambda point: point[1])
            table.add_row(name, Text(f"{points[-1][1]:.4g}  (lowest {lowest[1]:.4g} at step {lowest[0]})"))
            table.add_row("", sparkline([value for _, value in points]))
    for metric, name, unit in RATES:
        if points := training_events.curve(events, metric):
            table.add_row(name, f"{points[-1][1]:.5g} {unit}")
    saved = [str(checkpoint.step) for checkpoint in checkpoints.whole(run.adapter_dir)]
    table.add_row("checkpoints", ", ".join(saved) or "none yet")
    for event in all_events:
        if event.event == "stop":
            table.add_row("early stop", f"step {event.step}: {event.why}")
    log_path = run.logs_dir / "train.log"
    if log_path.exists():
        lines = [line for line in log_path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        table.add_row("log", Text(lines[-1].rsplit("\r", 1)[-1][-LINE_LENGTH:] if lines else ""))
    return table


def state(run: Run, events: Sequence[TrainingEvent]) -> str:
    """What the training is doing, in a few words; `events` are those of its last start."""
    if processes.alive(run.child_path("train")):
        return "training" if events else "loading"
    if checkpoints.has_reached_end(run.adapter_dir):
        return "finished"
    return f"stopped; make train RUN={run.name} resumes it" if events else "not begun"


def planned_steps(run: Run) -> int:
    """The steps that training will take, from the prepared rows; 0 before there are any."""
    rows = steps.read_trained_rows(run)
    return steps.count_steps(recipes.load(run.name), steps.row_lengths(run, rows)).total if rows else 0


def seconds_left(events: Sequence[TrainingEvent], max_steps: int) -> float | None:
    """From the pace of the last steps, with their evaluations and saves; None before there is one."""
    logged = [event for event in events if event.event == "log" and event.loss is not None][-RECENT_EVENTS:]
    if len(logged) < 2 or logged[-1].step == logged[0].step:
        return None
    seconds_a_step = (logged[-1].time - logged[0].time) / (logged[-1].step - logged[0].step)
    return seconds_a_step * (max_steps - logged[-1].step)


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """A line of blocks, the values averaged into at most `width` of them, lowest to highest."""
    if not values:
        return ""
    size = max(1, -(-len(values) // width))
    means = [sum(values[i : i + size]) / len(values[i : i + size]) for i in range(0, len(values), size)]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(BLOCKS[round((value - low) / span * (len(BLOCKS) - 1))] for value in means)
