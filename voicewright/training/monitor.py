"""How a training goes, from another terminal, at any time: curves, rates, memory, time left, the log's last line.

python -m train.monitor RUN [once=1]
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from voicewright.cli import arguments
from voicewright.core import processes, training_events
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.core.training_events import TrainingEvent
from voicewright.training import checkpoints

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60
EVERY_S = 2.0
RECENT = 20


def blocks(values: Sequence[float], width: int = WIDTH) -> str:
    """A line of blocks, the values averaged into at most `width` of them, lowest to highest."""
    if not values:
        return ""
    size = max(1, -(-len(values) // width))
    means = [sum(values[i : i + size]) / len(values[i : i + size]) for i in range(0, len(values), size)]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1))] for value in means)


def seconds_left(events: Sequence[TrainingEvent], max_steps: int) -> float | None:
    """From the pace of the last steps, evaluations and saves among them; None before there is one."""
    logged = [event for event in events if event.event == "log" and event.loss is not None][-RECENT:]
    if len(logged) < 2 or logged[-1].step == logged[0].step:
        return None
    pace = (logged[-1].time - logged[0].time) / (logged[-1].step - logged[0].step)
    return pace * (max_steps - logged[-1].step)


def state(run: Run, events: Sequence[TrainingEvent]) -> str:
    """In a word or two, what the training is doing."""
    if processes.alive(run.child_path("train")):
        return "training" if events else "loading"
    if checkpoints.is_finished(run.adapter_dir):
        return "finished"
    return "stopped; make train goes on" if events else "not begun"


def view(run: Run) -> Table:
    """Everything at a glance."""
    events, all_events = checkpoints.since_begin(run.adapter_dir), training_events.read(run.adapter_dir)
    shown = Table(show_header=False, title=f"{run.name}: {state(run, events)}")
    max_steps = events[0].max_steps if events else 0
    step = max((event.step for event in events), default=0)
    left = seconds_left(events, max_steps)
    eta = f", {left / 60:.1f} minutes left" if left and step < max_steps else ""
    shown.add_row("step", f"{step} of {max_steps}{eta}")
    for key, name in (("loss", "loss"), ("eval_loss", "evaluation loss"), ("learning_rate", "learning rate")):
        points = training_events.curve(all_events, key)
        if points:
            lowest = min(points, key=lambda point: point[1])
            shown.add_row(name, Text(f"{points[-1][1]:.4g}  (lowest {lowest[1]:.4g} at step {lowest[0]})"))
            shown.add_row("", blocks([value for _, value in points]))
    for key, name, unit in (
        ("tokens/train_per_sec_per_gpu", "speed", "tokens a second"), ("memory_gb", "memory", "GB at its peak"),
    ):  # fmt: skip
        points = training_events.curve(events, key)
        if points:
            shown.add_row(name, f"{points[-1][1]:.5g} {unit}")
    saved = [str(c.step) for c in checkpoints.whole(run.adapter_dir)]
    shown.add_row("checkpoints", ", ".join(saved) or "none yet")
    for event in all_events:
        if event.event == "stop":
            shown.add_row("early stop", f"step {event.step}: {event.why}")
    log_path = run.logs_dir / "train.log"
    if log_path.exists():
        last = [line for line in log_path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        shown.add_row("log", Text(last[-1].rsplit("\r", 1)[-1][-200:] if last else ""))
    return shown


@exits_cleanly
def main() -> None:
    name, options = arguments.parse(__doc__, {"once": None})
    run = Run(name)
    if not run.recipe_path.exists():
        raise UserError(f"there is no run {name!r}", hint="make runs lists them")
    console = Console()
    if options["once"] or not console.is_terminal:
        console.print(view(run))
        return
    with Live(Group(view(run)), console=console, auto_refresh=False) as live:
        while processes.alive(run.child_path("train")):
            live.update(view(run), refresh=True)
            time.sleep(EVERY_S)
        live.update(view(run), refresh=True)


if __name__ == "__main__":
    main()
