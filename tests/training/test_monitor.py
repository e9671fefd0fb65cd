"""What the monitor shows of a training: curves, time left, state."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from tests.training.engine import write_stats
from voicewright.core import training_events
from voicewright.core.documents.base import write_documents
from voicewright.core.paths import Run
from voicewright.core.records import write_rows
from voicewright.core.training_events import TrainingEvent
from voicewright.recipe import recipes
from voicewright.training import monitor


def log(step: int, at: float, **values: float) -> TrainingEvent:
    return TrainingEvent.model_validate({"event": "log", "step": step, "time": at, **values})


EVENTS = [
    TrainingEvent(event="begin", step=0, max_steps=10, time=0.0),
    log(1, 10.0, loss=4.0, learning_rate=1e-3),
    log(2, 12.0, loss=3.0, learning_rate=1e-3),
    log(2, 13.0, eval_loss=3.5),
    log(3, 14.0, loss=2.0, learning_rate=5e-4),
]


def text_of(run: Run) -> str:
    console = Console(record=True, width=120)
    console.print(monitor.view(run))
    return console.export_text()


def test_a_curve_goes_from_high_to_low() -> None:
    assert monitor.sparkline([3.0, 2.0, 1.0]) == "█▅▁"
    assert monitor.sparkline([1.0]) == "▁" and monitor.sparkline([]) == ""
    assert len(monitor.sparkline([float(i) for i in range(1000)])) <= monitor.WIDTH


def test_the_time_left_follows_the_pace_of_the_last_steps() -> None:
    assert monitor.seconds_left(EVENTS, 10) == 14.0
    assert monitor.seconds_left(EVENTS[:2], 10) is None


def test_a_step_taken_again_after_a_stop_counts_with_its_last_figure() -> None:
    assert training_events.curve([*EVENTS, log(2, 20.0, loss=9.0)], "loss") == [(1, 4.0), (2, 9.0), (3, 2.0)]


def test_the_monitor_shows_a_stopped_run_and_how_to_resume_it(home: Path) -> None:
    run = Run(recipes.load("demo").run)
    run.adapter_dir.mkdir(parents=True)
    write_documents(training_events.path_in(run.adapter_dir), EVENTS)
    text = text_of(run)
    assert "make train RUN=demo resumes it" in text and "3 of 10" in text and "3.5" in text
    assert "lowest 2 at step 3" in text


def test_before_training_begins_the_monitor_shows_the_steps_that_are_planned(home: Path) -> None:
    run = Run(recipes.load("demo").run)
    assert "0 of 0" in text_of(run)
    rows = [{"id": str(n), "source": "a", "tokens": 100, "text": "A sentence."} for n in range(20)]
    write_rows(run.rows_path("completion", "train"), rows)
    write_stats(run, "completion")
    assert "not begun" in text_of(run) and "0 of 40" in text_of(run)  # 4 epochs of 20 rows, 2 at a time
