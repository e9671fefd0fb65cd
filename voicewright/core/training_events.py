"""Training events: `adapter/events.jsonl`, one a line, as training/axolotl_env/voicewright_progress.py writes them.

Of a run that was stopped and resumed, the file holds every start, oldest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from voicewright.core.documents.base import Document, read_documents
from voicewright.core.records import drop_torn_row


class TrainingEvent(Document):
    """One event of a training. Whatever else the trainer logs is kept."""

    event: Literal["begin", "log", "save", "decision", "stop", "end", "saved"]
    """begin: training starts, or resumes at `step`; log: the trainer logged figures; save: a checkpoint is on disk;
    decision: early stopping looked at the curve; stop: early stopping ended the run; end: the last step is over;
    saved: the final weights are on disk."""
    time: float = 0.0
    """Seconds since the epoch."""
    step: int = 0
    max_steps: int = 0
    """Of begin and end: the optimizer steps of the whole training."""
    epochs: float | None = None
    epoch: float | None = None
    loss: float | None = None
    """Of log; None where the trainer logged no finite number."""
    eval_loss: float | None = None
    learning_rate: float | None = None
    memory_gb: float | None = None
    """Peak so far, of one accelerator or else of the process, in GiB."""
    metric: str | None = None
    """Of decision and stop: the loss that early stopping watches."""
    why: str | None = None
    """Of stop: the reason, for people."""
    reason: Literal["finished", "terminated", "diverged"] | None = None
    """Of end."""

    def logged(self, metric: str) -> float | None:
        """A figure under the trainer's own name, such as `loss` or `tokens/train_per_sec_per_gpu`."""
        value = getattr(self, metric, None)  # pydantic finds unknown fields here too
        return float(value) if isinstance(value, int | float) else None


def path_in(adapter_dir: Path) -> Path:
    """Where the events of a training are written."""
    return adapter_dir / "events.jsonl"


def read(adapter_dir: Path) -> list[TrainingEvent]:
    """All events, oldest first; [] before the first."""
    path = path_in(adapter_dir)
    drop_torn_row(path)
    return list(read_documents(path, TrainingEvent)) if path.exists() else []


def curve(events: Iterable[TrainingEvent], metric: str) -> list[tuple[int, float]]:
    """(step, value) of a logged metric, by step.

    A step that was taken again after a stop counts with its last value; a loss that was not finite is left out.
    """
    values = ((event.step, event.logged(metric)) for event in events if event.event == "log")
    return sorted({step: value for step, value in values if value is not None}.items())
