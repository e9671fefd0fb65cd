"""Whether a stopped training may be gone on with, and why one ended before its last step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from voicewright.core import processes
from voicewright.core.errors import UserError
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import fingerprint, read_json, write_json
from voicewright.training import checkpoints

# How a step is cut up, and who watches, leave the weights as they would be.
MAY_CHANGE = (
    "micro_batch_size", "gradient_accumulation_steps", "eval_batch_size", "gradient_checkpointing", "use_", "wandb_",
    "mlflow_", "trackio_", "logging_steps", "dataset_prepared_path",
)  # fmt: skip


def begun_with(run: Run) -> dict[str, Any]:
    """What a half-finished training must agree with: the rows, the YAML but for what may change, a base of ours."""
    tree = yaml.safe_load(run.axolotl_path.read_text(encoding="utf-8"))
    batch = (tree.get("micro_batch_size") or 1) * (tree.get("gradient_accumulation_steps") or 1)
    rest = {key: value for key, value in tree.items() if not key.startswith(MAY_CHANGE)}
    rows = {str(path.relative_to(run.dir)): fingerprint(path) for path in run.axolotls_rows}
    # A model of the hub is told by its name, which the YAML holds; a folder here may be merged anew under its name.
    base = fingerprint(REPO_DIR / str(tree["base_model"]))
    return {"batch": batch, "axolotl": rest, "rows": rows, "base": base}


def is_finished(run: Run) -> bool:
    """Whether this very training has reached its end."""
    mark = run.adapter_dir / "begun.json"
    return checkpoints.is_finished(run.adapter_dir) and mark.exists() and bool(read_json(mark) == begun_with(run))


def checkpoint(run: Run) -> Path | None:
    """The last whole checkpoint that can be gone on from, None to begin at the first step.

    Raises UserError if there are checkpoints of another training in its place.
    """
    mark = run.adapter_dir / "begun.json"
    found = checkpoints.whole(run.adapter_dir)
    if found and (not mark.exists() or read_json(mark) != begun_with(run)):
        raise UserError(
            f"{run.adapter_dir} holds checkpoints of a training with other data, another base or another recipe "
            f"(step {found[-1].step}); going on from them would mix the two",
            hint=f"make clean RUN={run.name}, or RUN={run.name}-2 for a run beside it",
        )
    run.adapter_dir.mkdir(parents=True, exist_ok=True)
    write_json(mark, begun_with(run))
    whole = [c for c in found if c.resumable]
    return whole[-1].path if whole else None


def unfinished(run: Run, exit_code: int | None) -> UserError:
    """Why training ended before its last step, and the way on."""
    end = checkpoints.ending(run.adapter_dir)
    log_path = run.logs_dir / "train.log"
    if end and end.reason == "diverged":
        return UserError(
            f"training diverged: at step {end.step} the loss was no number, or far above where it began",
            hint=f'make clean RUN={run.name}, then a lower rate, such as SET="axolotl.learning_rate=1e-4"',
        )
    if not checkpoints.since_begin(run.adapter_dir):
        where = "before its first step"
    else:
        found = checkpoints.whole(run.adapter_dir)
        where = f"before its last step (last checkpoint: {found[-1].step if found else 'none'})"
    return UserError(
        [f"Axolotl ended {where}, exit code {exit_code}. From {log_path}:"]
        + [f"  {line}" for line in processes.tail(log_path)],
        hint="once the cause is mended, the same command goes on from the last checkpoint",
    )
