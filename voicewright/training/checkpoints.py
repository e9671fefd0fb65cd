"""Axolotl's output folder: which checkpoints are whole, whether training is finished, and what it may resume from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from voicewright.core import processes, training_events
from voicewright.core.documents.base import read_document, write_document
from voicewright.core.documents.training import CheckpointComparison, TrainingInputs
from voicewright.core.errors import UserError
from voicewright.core.paths import Run, given_path
from voicewright.core.records import fingerprint
from voicewright.core.training_events import TrainingEvent

WEIGHT_FILES = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")
# One file, or a folder of shards (DeepSpeed, FSDP).
OPTIMIZER_STATES = ("optimizer.pt", "optimizer.bin", "global_step*", "optimizer_*")
# Keys of axolotl.yaml that may differ when a training is resumed: how a step is divided and who watches leave the
# weights as they would be.
KEYS_THAT_MAY_CHANGE = (
    "micro_batch_size", "gradient_accumulation_steps", "eval_batch_size", "gradient_checkpointing", "use_", "wandb_",
    "mlflow_", "trackio_", "logging_steps", "dataset_prepared_path",
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """One saved step."""

    step: int
    path: Path
    eval_loss: float | None
    is_resumable: bool
    """Whether the optimizer's state is there; only the last checkpoint keeps it."""


def whole(adapter_dir: Path) -> list[Checkpoint]:
    """The checkpoints that are complete on disk, by step; a kill while one is saved leaves it incomplete."""
    eval_losses = dict(training_events.curve(training_events.read(adapter_dir), "eval_loss"))
    checkpoints = []
    for path in adapter_dir.glob("checkpoint-*"):
        step = path.name.removeprefix("checkpoint-")
        if step.isdigit() and is_whole(path):
            checkpoints.append(Checkpoint(int(step), path, eval_losses.get(int(step)), has_optimizer(path)))
    return sorted(checkpoints, key=lambda checkpoint: checkpoint.step)


def is_whole(path: Path) -> bool:
    """Whether a checkpoint's state parses and its weights are as long as their headers say."""
    try:
        json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return _has_whole_weights(path)


def has_optimizer(path: Path) -> bool:
    """Whether training can resume from a checkpoint."""
    return any(any(path.glob(pattern)) for pattern in OPTIMIZER_STATES)


def _has_whole_weights(folder: Path) -> bool:
    present = any((folder / name).exists() for name in WEIGHT_FILES)
    return present and all(_is_complete(file) for file in folder.glob("*.safetensors"))


def _is_complete(path: Path) -> bool:
    """Whether a safetensors file holds as many bytes as its header declares."""
    # Imported late: it takes half a second, and most commands read no weights.
    from huggingface_hub import parse_local_safetensors_file_metadata
    from huggingface_hub.errors import SafetensorsParsingError

    try:
        tensors = parse_local_safetensors_file_metadata(path).tensors.values()
        with path.open("rb") as file:
            header = 8 + int.from_bytes(file.read(8), "little")
    except (OSError, SafetensorsParsingError):
        return False
    return path.stat().st_size == header + max((tensor.data_offsets[1] for tensor in tensors), default=0)


# --- the end of a training


def events_since_begin(adapter_dir: Path) -> list[TrainingEvent]:
    """The events of the last start; [] before the first."""
    events = training_events.read(adapter_dir)
    starts = [index for index, event in enumerate(events) if event.event == "begin"]
    return events[starts[-1] :] if starts else []


def end_event(adapter_dir: Path) -> TrainingEvent | None:
    """The `end` event of the last start, None if it has not come."""
    return next((event for event in events_since_begin(adapter_dir) if event.event == "end"), None)


def has_reached_end(adapter_dir: Path) -> bool:
    """Whether training reached its last step, or a recorded stop, and left its weights.

    Axolotl's exit code 0 does not say so.
    """
    kinds = {event.event for event in events_since_begin(adapter_dir)}
    end = end_event(adapter_dir)
    if end is None or end.reason != "finished" or "saved" not in kinds:
        return False
    return (end.step >= end.max_steps or "stop" in kinds) and _has_whole_weights(adapter_dir)


def training_inputs(run: Run) -> TrainingInputs:
    """What a training of this run depends on now."""
    tree = yaml.safe_load(run.axolotl_path.read_text(encoding="utf-8"))
    return TrainingInputs(
        batch=(tree.get("micro_batch_size") or 1) * (tree.get("gradient_accumulation_steps") or 1),
        axolotl={key: value for key, value in tree.items() if not key.startswith(KEYS_THAT_MAY_CHANGE)},
        rows={str(path.relative_to(run.dir)): fingerprint(path) for path in run.axolotls_rows},
        # A model of the hub is identified by its name in the YAML; a folder may be merged anew under the same name.
        base=fingerprint(given_path(str(tree["base_model"]))),
    )


def is_finished(run: Run) -> bool:
    """Whether a training with these inputs has reached its end."""
    return has_reached_end(run.adapter_dir) and _began_with(run) == training_inputs(run)


def _began_with(run: Run) -> TrainingInputs | None:
    path = run.training_inputs_path
    return read_document(path, TrainingInputs) if path.exists() else None


def resume_point(run: Run) -> Path | None:
    """The last whole checkpoint that training can resume from, None to begin at the first step; notes the inputs.

    Raises UserError if the checkpoints are of a training with other inputs.
    """
    inputs, checkpoints = training_inputs(run), whole(run.adapter_dir)
    if checkpoints and _began_with(run) != inputs:
        raise UserError(
            f"{run.adapter_dir} holds checkpoints of a training with other data, another base or another recipe "
            f"(step {checkpoints[-1].step}); resuming from them would mix the two",
            hint=f"make clean RUN={run.name}, or RUN={run.name}-2 for a run beside it",
        )
    run.adapter_dir.mkdir(parents=True, exist_ok=True)
    write_document(run.training_inputs_path, inputs)
    resumable = [checkpoint for checkpoint in checkpoints if checkpoint.is_resumable]
    return resumable[-1].path if resumable else None


def unfinished_error(run: Run, exit_code: int | None) -> UserError:
    """Why training ended before its last step, and how to continue."""
    end = end_event(run.adapter_dir)
    log_path = run.logs_dir / "train.log"
    if end and end.reason == "diverged":
        return UserError(
            f"training diverged: at step {end.step} the loss was not finite, or far above where it began",
            hint=f'make clean RUN={run.name}, then a lower rate, such as SET="axolotl.learning_rate=1e-4"',
        )
    if not events_since_begin(run.adapter_dir):
        where = "before its first step"
    else:
        checkpoints = whole(run.adapter_dir)
        where = f"before its last step (last checkpoint: {checkpoints[-1].step if checkpoints else 'none'})"
    return UserError(
        [f"Axolotl ended {where}, exit code {exit_code}. From {log_path}:"]
        + [f"  {line}" for line in processes.tail(log_path)],
        hint=f"fix the cause; make train RUN={run.name} resumes from the last checkpoint",
    )


# --- which one to merge


def choose(adapter_dir: Path, choice: str) -> Checkpoint:
    """The checkpoint to merge: `auto` is the lowest evaluation loss, a number is that step.

    Raises UserError naming the steps that exist.
    """
    checkpoints = whole(adapter_dir)
    if not checkpoints:
        raise UserError(
            f"there is no whole checkpoint in {adapter_dir}", hint=f"make train RUN={adapter_dir.parent.name}"
        )
    if choice == "auto":
        evaluated = [(c.eval_loss, c.step, c) for c in checkpoints if c.eval_loss is not None]
        return min(evaluated)[2] if evaluated else checkpoints[-1]
    for checkpoint in checkpoints:
        if str(checkpoint.step) == choice:
            return checkpoint
    steps = ", ".join(str(checkpoint.step) for checkpoint in checkpoints)
    raise UserError(f"CHECKPOINT={choice}: no such step. Steps: {steps}", hint="CHECKPOINT=auto")


def compared_best(run: Run) -> str:
    """The step that `make checkpoints` chose. Raises UserError if it has not run."""
    if not run.checkpoints_path.exists():
        raise UserError(
            "CHECKPOINT=best: the checkpoints have not been compared", hint=f"make checkpoints RUN={run.name}"
        )
    return str(read_document(run.checkpoints_path, CheckpointComparison).best)
