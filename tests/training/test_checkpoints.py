from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voicewright.core import training_events
from voicewright.core.errors import UserError
from voicewright.training import checkpoints

TENSOR = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
WEIGHTS = len(TENSOR).to_bytes(8, "little") + TENSOR + bytes(16)


def save(output_dir: Path, step: int, *, optimizer: bool = True) -> Path:
    path = output_dir / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "adapter_model.safetensors").write_bytes(WEIGHTS)
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": []}))
    if optimizer:
        (path / "optimizer.pt").write_bytes(b"state")
    return path


def write_events(output_dir: Path, *rows: dict[str, Any]) -> None:
    output_dir.mkdir(parents=True, exist_ok=True)
    (output_dir / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


BEGIN = {"event": "begin", "step": 0, "max_steps": 4}
END = {"event": "end", "step": 4, "max_steps": 4, "reason": "finished"}
SAVED = {"event": "saved"}


def finished(output_dir: Path, *rows: dict[str, Any]) -> bool:
    (output_dir).mkdir(exist_ok=True, parents=True)
    (output_dir / "adapter_model.safetensors").write_bytes(WEIGHTS)
    write_events(output_dir, *rows)
    return checkpoints.has_reached_end(output_dir)


def test_checkpoints_are_found_in_the_order_of_their_steps(tmp_path: Path) -> None:
    for step in (100, 20, 3):
        save(tmp_path, step)
    (tmp_path / "checkpoint-x").mkdir()
    assert [c.step for c in checkpoints.whole(tmp_path)] == [3, 20, 100]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.sampled_from(["trainer_state.json", "adapter_model.safetensors"]), data=st.data())
def test_a_checkpoint_cut_off_anywhere_is_not_whole(tmp_path: Path, name: str, data: st.DataObject) -> None:
    path = tmp_path / "checkpoint-1"
    if not path.exists():
        save(tmp_path, 1)
    content = (path / name).read_bytes()
    length = data.draw(st.integers(0, len(content) - 1))
    try:
        (path / name).write_bytes(content[:length])
        assert checkpoints.whole(tmp_path) == []
    finally:
        (path / name).write_bytes(content)
    assert len(checkpoints.whole(tmp_path)) == 1


def test_a_checkpoint_without_weights_or_state_is_not_whole(tmp_path: Path) -> None:
    (save(tmp_path, 1) / "adapter_model.safetensors").unlink()
    (save(tmp_path, 2) / "trainer_state.json").unlink()
    assert checkpoints.whole(tmp_path) == []


def test_a_checkpoint_without_its_optimizer_can_be_merged_but_not_resumed(tmp_path: Path) -> None:
    save(tmp_path, 1, optimizer=False)
    (save(tmp_path, 2, optimizer=False) / "global_step2").mkdir()
    assert [c.is_resumable for c in checkpoints.whole(tmp_path)] == [False, True]


def test_auto_chooses_the_lowest_evaluation_loss_and_the_earlier_of_two(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save(tmp_path, step)
    losses = {1: 2.0, 2: 1.5, 3: 1.5}
    write_events(tmp_path, *({"event": "log", "step": s, "eval_loss": loss} for s, loss in losses.items()))
    assert checkpoints.choose(tmp_path, "auto").step == 2
    assert checkpoints.choose(tmp_path, "3").step == 3


def test_auto_without_evaluations_chooses_the_last(tmp_path: Path) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    assert checkpoints.choose(tmp_path, "auto").step == 2


def test_a_step_that_was_not_saved_lists_those_that_were(tmp_path: Path) -> None:
    save(tmp_path, 7)
    with pytest.raises(UserError, match="Steps: 7"):
        checkpoints.choose(tmp_path, "8")


def test_nothing_trained_is_an_error_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="make train"):
        checkpoints.choose(tmp_path, "auto")


def test_done_is_the_last_step_reached_and_the_weights_left_behind(tmp_path: Path) -> None:
    assert finished(tmp_path, BEGIN, END, SAVED)
    assert not finished(tmp_path, BEGIN, END)  # killed between the last step and the weights
    assert not finished(tmp_path, BEGIN, {**END, "step": 3}, SAVED)
    assert not finished(tmp_path, BEGIN, {**END, "reason": "terminated"}, SAVED)
    assert not finished(tmp_path, BEGIN, {**END, "reason": "diverged"}, SAVED)
    assert not finished(tmp_path, BEGIN)
    assert not finished(tmp_path)


def test_a_recorded_early_stop_is_done_as_well(tmp_path: Path) -> None:
    assert finished(tmp_path, BEGIN, {"event": "stop", "step": 3}, {**END, "step": 3}, SAVED)


def test_an_earlier_start_that_ended_does_not_make_a_later_one_done(tmp_path: Path) -> None:
    assert not finished(tmp_path, BEGIN, END, SAVED, BEGIN)


def test_weights_that_stop_short_are_not_done(tmp_path: Path) -> None:
    assert finished(tmp_path, BEGIN, END, SAVED)
    (tmp_path / "adapter_model.safetensors").write_bytes(WEIGHTS[:-1])
    assert not checkpoints.has_reached_end(tmp_path)


def test_a_torn_last_event_is_dropped(tmp_path: Path) -> None:
    write_events(tmp_path, BEGIN)
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"event": "end", "st')
    assert [event.to_json() for event in training_events.read(tmp_path)] == [BEGIN]
