"""Axolotl's output folder: which checkpoints are whole, how far training went, what it logged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from voicewright.core import training_events
from voicewright.core.errors import UserError
from voicewright.core.training_events import TrainingEvent

WEIGHTS = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True)
class Checkpoint:
    """One saved step."""

    step: int
    path: Path
    eval_loss: float | None
    resumable: bool
    """Whether the optimiser's state is still there; only the last one's is kept."""


def whole(output_dir: Path) -> list[Checkpoint]:
    """The checkpoints that are complete on disk, by step.

    A kill in mid-save leaves a torn one behind: its state does not parse, its weights stop short, or there is none
    of either.
    """
    found = []
    evaluated = dict(training_events.curve(training_events.read(output_dir), "eval_loss"))
    for path in output_dir.glob("checkpoint-*"):
        step = path.name.removeprefix("checkpoint-")
        if step.isdigit() and is_whole(path):
            found.append(Checkpoint(int(step), path, evaluated.get(int(step)), has_optimiser(path)))
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def is_whole(path: Path) -> bool:
    """Whether a checkpoint's state parses and its weights are as long as they say."""
    try:
        json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    weights = [path / name for name in WEIGHTS if (path / name).exists()]
    return bool(weights) and all(_is_complete(file) for file in path.glob("*.safetensors"))


def has_optimiser(path: Path) -> bool:
    """Whether training can go on from here: one file, or a folder of shards (DeepSpeed, FSDP)."""
    return any(any(path.glob(pattern)) for pattern in ("optimizer.pt", "optimizer.bin", "global_step*", "optimizer_*"))


def _is_complete(path: Path) -> bool:
    """Whether a safetensors file holds as many bytes as its header declares."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        end = max((v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"), default=0)
        return path.stat().st_size == 8 + length + end
    except (OSError, ValueError, KeyError):
        return False


def since_begin(output_dir: Path) -> list[TrainingEvent]:
    """The events of the last start; [] before the first."""
    events = training_events.read(output_dir)
    starts = [index for index, event in enumerate(events) if event.event == "begin"]
    return events[starts[-1] :] if starts else []


def ending(output_dir: Path) -> TrainingEvent | None:
    """The `end` event of the last start, None if it never came."""
    return next((event for event in since_begin(output_dir) if event.event == "end"), None)


def is_finished(output_dir: Path) -> bool:
    """Whether training reached its last step, or a recorded stop, and left its weights. Exit code 0 does not say so."""
    happened = {event.event for event in since_begin(output_dir)}
    end = ending(output_dir)
    if end is None or end.reason != "finished" or "saved" not in happened:
        return False
    weights = [output_dir / name for name in WEIGHTS if (output_dir / name).exists()]
    reached = end.step >= end.max_steps or "stop" in happened
    return reached and bool(weights) and all(_is_complete(file) for file in output_dir.glob("*.safetensors"))


def choose(output_dir: Path, wanted: str) -> Checkpoint:
    """The checkpoint to merge: `auto` is the lowest evaluation loss, a number is that step.

    Raises UserError naming the steps that exist.
    """
    found = whole(output_dir)
    if not found:
        raise UserError(f"there is no whole checkpoint in {output_dir}", hint="make train")
    if wanted == "auto":
        evaluated = [c for c in found if c.eval_loss is not None]
        return min(evaluated, key=lambda c: (c.eval_loss, c.step)) if evaluated else found[-1]
    for checkpoint in found:
        if str(checkpoint.step) == wanted:
            return checkpoint
    steps = ", ".join(str(c.step) for c in found)
    raise UserError(f"CHECKPOINT={wanted}: no such step. There are: {steps}", hint="CHECKPOINT=auto")
