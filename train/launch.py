"""Train as axolotl.yaml says: Axolotl in a process of its own, progress here, the full log on disk.

python -m train.launch RUN

Goes on from the last whole checkpoint of a run that was stopped. Done means that the last step was reached.
"""

from __future__ import annotations

import time
from pathlib import Path

import yaml

from train import checkpoints
from train.progress import Progress
from voicewright import command, environments, foreground, process
from voicewright.errors import UserError, exits_cleanly, notice
from voicewright.layout import REPO_DIR, Run
from voicewright.records import fingerprint, read_json, write_json

INSIDE_DIR = Path(__file__).parent / "inside"
POLL_S = 0.2
GRACE_S = 120.0  # a large model takes a while to save its last checkpoint


def axolotl_command(run: Run, resume_from: Path | None) -> list[str]:
    """What is started. `--launcher python` stays in one process; the default would exec accelerate."""
    axolotl = str(environments.python("train").with_name("axolotl"))
    words = [axolotl, "train", str(run.axolotl_path), "--launcher", "python"]
    return [*words, f"--resume-from-checkpoint={resume_from}"] if resume_from else words


def begun_with(run: Run) -> dict[str, str]:
    """What a half-finished training must agree with to be gone on with."""
    return {
        str(path.relative_to(run.dir)): fingerprint(path) for path in (run.axolotl_path, *run.row_files("train", "val"))
    }


def resumable(run: Run) -> Path | None:
    """The last whole checkpoint, if this run's training was begun with the same YAML and rows.

    Raises UserError if there are checkpoints of another training in its place.
    """
    mark = run.adapter_dir / "begun.json"
    found = checkpoints.whole(run.adapter_dir)
    if found and (not mark.exists() or read_json(mark) != begun_with(run)):
        raise UserError(
            f"{run.adapter_dir} holds checkpoints of a training with other data or another recipe (step "
            f"{found[-1].step}); going on from them would mix the two",
            mend=f"make clean RUN={run.name}, or RUN={run.name}-2 for a run beside it",
        )
    run.adapter_dir.mkdir(parents=True, exist_ok=True)
    write_json(mark, begun_with(run))
    return found[-1].path if found else None


def train(run: Run) -> None:
    """Run Axolotl to the last step. Raises UserError with the log's telling lines if it ends before."""
    record_path, log_path = run.child_path("train"), run.logs_dir / "train.log"
    if process.stop(record_path):
        notice("ended a training of this run that had lost its launcher")
    output_dir = REPO_DIR / yaml.safe_load(run.axolotl_path.read_text(encoding="utf-8"))["output_dir"]
    resume_from = resumable(run)
    if resume_from:
        notice(f"going on from {resume_from.name}")
    child = process.start(
        axolotl_command(run, resume_from),
        log_path=log_path,
        record_path=record_path,
        env=environments.environment_variables("train") | {"PYTHONPATH": str(INSIDE_DIR)},
        append=resume_from is not None,
    )
    try:
        with Progress(output_dir, since=len(checkpoints.events(output_dir))) as progress:
            while child.exit_code() is None:
                progress.update()
                time.sleep(POLL_S)
            progress.update()
    except KeyboardInterrupt:
        notice("stopping: saving a checkpoint first (a second Ctrl-C does not wait)")
        process.stop(record_path, grace_s=GRACE_S)
        raise
    record_path.unlink(missing_ok=True)
    if not checkpoints.is_finished(output_dir):
        raise unfinished(run, output_dir, child.exit_code())


def unfinished(run: Run, output_dir: Path, exit_code: int | None) -> UserError:
    """Why training ended before its last step, and the way on."""
    end = checkpoints.ending(output_dir)
    log_path = run.logs_dir / "train.log"
    if end and end["reason"] == "diverged":
        return UserError(
            f"the loss stopped being a number at step {end['step']}: training diverged",
            mend=f'make clean RUN={run.name}, then a lower rate, such as SET="axolotl.learning_rate=1e-4"',
        )
    if end is None and not any(row["event"] == "begin" for row in checkpoints.events(output_dir)):
        where = "before its first step"
    else:
        found = checkpoints.whole(output_dir)
        where = f"before its last step (last checkpoint: {found[-1].step if found else 'none'})"
    return UserError(
        [f"Axolotl ended {where}, exit code {exit_code}. From {log_path}:"]
        + [f"  {line}" for line in process.tail(log_path)],
        mend="once the cause is mended, the same command goes on from the last checkpoint",
    )


@exits_cleanly
def main() -> None:
    foreground.interruptible()
    name, _ = command.parse(__doc__, {})
    run = Run(name)
    mark = run.adapter_dir / "begun.json"
    if checkpoints.is_finished(run.adapter_dir) and mark.exists() and read_json(mark) == begun_with(run):
        print("training had reached its last step")
        return
    train(run)
    end = checkpoints.ending(run.adapter_dir)
    best = checkpoints.choose(run.adapter_dir, "auto")
    print(f"trained {end['step'] if end else '?'} steps; lowest evaluation loss {best.eval_loss} at step {best.step}")


if __name__ == "__main__":
    main()
