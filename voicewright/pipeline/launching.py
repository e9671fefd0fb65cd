"""Train as axolotl.yaml says: Axolotl in a process of its own, progress here, the full log on disk.

python -m train.launch RUN

Goes on from the last whole checkpoint of a run that was stopped. Done means that the last step was reached, or a
recorded early stop. Out of memory, it changes the recipe by one step of `out_of_memory` and exits with 75: the same
command goes on.
"""

from __future__ import annotations

import sys
import time

from voicewright.cli import arguments
from voicewright.core import environments, processes, training_events
from voicewright.core.errors import exits_cleanly, notice
from voicewright.core.paths import AXOLOTL_ENV_DIR, Run
from voicewright.pipeline.runner import ADAPTED
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.training import checkpoints, disk, free_memory, hub, launch_commands, oom_fallback, resuming
from voicewright.training.progress import Progress

POLL_S = 0.2
GRACE_S = 120.0  # a large model takes a while to save its last checkpoint


def train(wanted: Recipe) -> oom_fallback.Step | None:
    """Run Axolotl to the last step; return the fallback step taken if memory ran out.

    Raises UserError with the log's telling lines if it ends before for another reason.
    """
    run = Run(wanted.run)
    record_path, log_path = run.child_path("train"), run.logs_dir / "train.log"
    if processes.stop(record_path):
        notice("ended a training of this run that had lost its launcher")
    resume_from = resuming.checkpoint(run)
    if resume_from:
        notice(f"going on from {resume_from.name}")
    disk.check(wanted)
    free_memory.check(wanted)
    hub.check(wanted)
    kills_before = oom_fallback.oom_kills()
    said_before = log_path.stat().st_size if resume_from and log_path.exists() else 0
    child = processes.start(
        launch_commands.axolotl_command(wanted, resume_from),
        log_path=log_path,
        record_path=record_path,
        env=environments.environment_variables("train")
        | {"PYTHONPATH": str(AXOLOTL_ENV_DIR)}
        | launch_commands.variables(wanted),
        append=resume_from is not None,
    )
    try:
        with Progress(run.adapter_dir, since=len(training_events.read(run.adapter_dir))) as progress:
            while child.exit_code() is None:
                progress.update()
                time.sleep(POLL_S)
            progress.update()
    except KeyboardInterrupt:
        notice("stopping: saving a checkpoint first (a second Ctrl-C does not wait)")
        processes.stop(record_path, grace_s=GRACE_S)
        raise
    record_path.unlink(missing_ok=True)
    if checkpoints.is_finished(run.adapter_dir):
        return None
    why = oom_fallback.ran_out(child.exit_code(), log_path, said_before, kills_before)
    if why is None:
        raise resuming.unfinished(run, child.exit_code())
    return oom_fallback.take_next_step(wanted, why)


@exits_cleanly
def main() -> None:
    processes.interruptible()
    name, _ = arguments.parse(__doc__, {})
    wanted = recipes.load(name)
    run = Run(wanted.run)
    if resuming.is_finished(run):
        print("training had reached its last step")
    elif train(wanted):
        sys.exit(ADAPTED)
    end = checkpoints.ending(run.adapter_dir)
    best = checkpoints.choose(run.adapter_dir, "auto")
    stopped = "".join(
        f"; ended early: {event.why}" for event in checkpoints.since_begin(run.adapter_dir) if event.event == "stop"
    )
    print(f"trained {end.step if end else '?'} steps{stopped}")
    print(f"lowest evaluation loss {best.eval_loss} at step {best.step}")


if __name__ == "__main__":
    main()
