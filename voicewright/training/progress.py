"""What a training says of itself, shown while it runs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from voicewright.core import training_events
from voicewright.core.training_events import TrainingEvent

PLAIN_EVERY_S = 10.0


class Progress:
    """Follows `events.jsonl`: a bar with step, loss, evaluation loss and time left; plain lines off a terminal."""

    def __init__(self, output_dir: Path, since: int) -> None:
        self.output_dir = output_dir
        self.seen = since
        self.loss: float | None = None
        self.eval_loss: float | None = None
        self.terminal = sys.stdout.isatty()
        self.said_at = 0.0
        self.bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(),
            disable=not self.terminal,
        )
        self.task = self.bar.add_task("loading", total=None, figures="")

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def update(self) -> None:
        """Take in what was written since the last look."""
        events = training_events.read(self.output_dir)
        for event in events[self.seen :]:
            self._take(event)
        self.seen = len(events)

    def _take(self, event: TrainingEvent) -> None:
        if event.event == "begin":
            self.bar.update(self.task, description="training", total=event.max_steps, completed=event.step)
        if event.event != "log":
            return
        self.loss = self.loss if event.loss is None else event.loss
        self.eval_loss = self.eval_loss if event.eval_loss is None else event.eval_loss
        figures = "  ".join(
            f"{name} {value:.4f}"
            for name, value in (("loss", self.loss), ("eval loss", self.eval_loss))
            if value is not None
        )
        self.bar.update(self.task, completed=event.step, figures=figures)
        if not self.terminal and (time.monotonic() - self.said_at > PLAIN_EVERY_S or event.eval_loss is not None):
            print(f"step {event.step}: {figures}", flush=True)
            self.said_at = time.monotonic()
