"""Training events: `adapter/events.jsonl`, one row an event, as training/axolotl_env/voicewright_progress.py writes.

Of a run that was stopped and went on, the file holds every start, oldest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from voicewright.core.records import drop_torn_row, read_rows

Row = dict[str, Any]


def path_in(adapter_dir: Path) -> Path:
    """Where the events of a training stand."""
    return adapter_dir / "events.jsonl"


def read(adapter_dir: Path) -> list[Row]:
    """All events, oldest first; [] before the first."""
    path = path_in(adapter_dir)
    drop_torn_row(path)
    return list(read_rows(path)) if path.exists() else []


def curve(rows: Iterable[Row], key: str) -> list[tuple[int, float]]:
    """(step, value) of a logged figure (`loss`, `eval_loss`, `learning_rate`, ...), by step.

    A step that was taken again after a stop counts with its last value; a loss that was no number is left out.
    """
    found = {row["step"]: row[key] for row in rows if row["event"] == "log" and row.get(key) is not None}
    return sorted(found.items())
