"""Real trainings that are killed, stopped and torn: they finish with the steps and the loss of an unbroken run."""

from __future__ import annotations

import signal

import pytest

from tests.training import engine
from voicewright.core import processes
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import read_rows, write_rows
from voicewright.training import checkpoints

pytestmark = [pytest.mark.engine, pytest.mark.long, pytest.mark.usefixtures("in_engine_home")]


def test_an_unbroken_run_keeps_every_checkpoint_and_the_last_ones_optimizer(trained: Run) -> None:
    assert checkpoints.is_finished(trained)
    saved = checkpoints.whole(trained.adapter_dir)
    assert [c.step for c in saved] == [2, 4, 6, 8, 10, 12]
    assert [c.step for c in saved if c.is_resumable] == [12]
    assert all(c.eval_loss for c in saved)


def test_a_run_killed_torn_and_terminated_ends_with_the_loss_of_an_unbroken_one(trained: Run) -> None:
    run = engine.begin("broken", engine.SMALL)

    launcher = engine.launch(run)
    engine.wait_for(lambda: engine.steps_logged(run) >= 7, launcher)
    launcher.kill()
    launcher.communicate()
    assert processes.stop(run.child_path("train"), grace_s=0)
    assert not checkpoints.is_finished(run)
    newest = engine.path_of(run, engine.saved_steps(run)[-1])
    state = newest / "trainer_state.json"
    if len(engine.saved_steps(run)) > 1 and checkpoints.has_optimizer(engine.path_of(run, engine.saved_steps(run)[-2])):
        state.write_text(state.read_text()[:200])  # torn: the one before it can still be gone on from

    launcher = engine.launch(run)
    engine.wait_for(lambda: engine.steps_logged(run) >= 10, launcher)
    launcher.send_signal(signal.SIGTERM)
    output, _ = launcher.communicate(timeout=engine.PATIENCE_S)
    assert launcher.returncode == 130, output
    assert "saving a checkpoint" in output and "goes on from here" in output
    assert not checkpoints.is_finished(run)
    assert not processes.alive(run.child_path("train"))

    output = engine.finish(run)
    assert "resuming from checkpoint-" in output and "trained 12 steps" in output
    assert checkpoints.is_finished(run)
    assert engine.final_eval(run) == pytest.approx(engine.final_eval(trained), abs=1e-3)
    losses, unbroken = engine.last_losses(run), engine.last_losses(trained)
    assert losses.keys() == unbroken.keys()
    assert losses == pytest.approx(unbroken, abs=1e-3)


def test_other_rows_are_not_gone_on_with_in_silence(trained: Run) -> None:
    path = trained.rows_path("completion", "train")
    rows = list(read_rows(path))
    write_rows(path, [*rows, {**rows[0], "text": "Another row."}])
    try:
        with pytest.raises(UserError, match="other data"):
            checkpoints.resume_point(trained)
        assert not checkpoints.is_finished(trained)
    finally:
        write_rows(path, rows)
    assert checkpoints.is_finished(trained)


def test_a_loss_that_explodes_stops_with_a_message() -> None:
    run = engine.begin("exploding", [*engine.SMALL, "axolotl.learning_rate=1e6", "axolotl.max_grad_norm=1e9"])
    launcher = engine.launch(run)
    output, _ = launcher.communicate(timeout=engine.PATIENCE_S)
    assert launcher.returncode == 2, output
    assert "training diverged" in output and "axolotl.learning_rate" in output
    assert not checkpoints.is_finished(run)
