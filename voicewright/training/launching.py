"""Training as axolotl.yaml says: how Axolotl is started, followed until it ends, and resumed.

Axolotl runs in a process of its own; its full log is logs/train.log. A stopped training resumes from its last whole
checkpoint. It is finished when the last step was reached, or an early stop was recorded. When memory runs out, the
recipe is changed by one step of `out_of_memory` and the exit code is 75: the same command resumes.
"""

from __future__ import annotations

import time
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from voicewright.core import environments, processes, training_events
from voicewright.core.errors import notice
from voicewright.core.paths import AXOLOTL_ENV_DIR, REPO_DIR, Run
from voicewright.core.records import write_text
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.recipe.steps import process_count
from voicewright.training import base_model, checkpoints, disk, memory, oom_fallback
from voicewright.training.monitor import ProgressBar

POLL_S = 0.2
SAVE_GRACE_S = 120.0  # a large model takes a while to save its last checkpoint
RENDEZVOUS_PORT = 29500


def launch(run: Run) -> oom_fallback.Step | None:
    """Train a run to its last step; return the fallback step that was taken if memory ran out.

    Raises UserError if Axolotl ends before its last step for another reason, with the log lines that name it.
    """
    if checkpoints.is_finished(run):
        print("training had reached its last step")
    elif step := train(recipes.load(run.name)):
        return step
    end = checkpoints.end_event(run.adapter_dir)
    best = checkpoints.choose(run.adapter_dir, "auto")
    events = checkpoints.events_since_begin(run.adapter_dir)
    early_stop = "".join(f"; ended early: {event.why}" for event in events if event.event == "stop")
    print(f"trained {end.step if end else '?'} steps{early_stop}")
    print(f"lowest evaluation loss {best.eval_loss} at step {best.step}")
    return None


def train(recipe: Recipe) -> oom_fallback.Step | None:
    """Run Axolotl once and follow it until it ends; return the fallback step that was taken if memory ran out."""
    run = Run(recipe.run)
    record_path, log_path = run.child_path("train"), run.logs_dir / "train.log"
    if processes.stop(record_path):
        notice("ended a training of this run whose launcher was gone")
    resume_from = checkpoints.resume_point(run)
    if resume_from:
        notice(f"resuming from {resume_from.name}")
    disk.check(recipe)
    memory.check_free(recipe)
    base_model.check_hub(recipe)
    kills_before = oom_fallback.oom_kills()
    log_size_before = log_path.stat().st_size if resume_from and log_path.exists() else 0
    child = processes.start(
        axolotl_command(recipe, resume_from),
        log_path=log_path,
        record_path=record_path,
        env=environments.environment_variables("train")
        | {"PYTHONPATH": str(AXOLOTL_ENV_DIR)}
        | accelerate_variables(recipe),
        append=resume_from is not None,
    )
    try:
        with ProgressBar(run.adapter_dir, skip=len(training_events.read(run.adapter_dir))) as progress:
            while child.exit_code() is None:
                progress.update()
                time.sleep(POLL_S)
            progress.update()
    except KeyboardInterrupt:
        notice("stopping: saving a checkpoint first (a second Ctrl-C does not wait)")
        processes.stop(record_path, grace_s=SAVE_GRACE_S)
        raise
    record_path.unlink(missing_ok=True)
    if checkpoints.has_reached_end(run.adapter_dir):
        return None
    why = oom_fallback.out_of_memory_line(child.exit_code(), log_path, log_size_before, kills_before)
    if why is None:
        raise checkpoints.unfinished_error(run, child.exit_code())
    return oom_fallback.take_next_step(recipe, why)


def axolotl_command(recipe: Recipe, resume_from: Path | None) -> list[str]:
    """The command that trains. `--launcher python` stays in one process; Axolotl's default would exec accelerate."""
    axolotl = str(environments.python("train").with_name("axolotl"))
    command = [axolotl, "train", str(Run(recipe.run).axolotl_path)]
    if resume_from:
        command.append(f"--resume-from-checkpoint={resume_from}")
    if process_count(recipe) == 1:
        return [*command, "--launcher", "python"]
    endpoint = recipe.hardware.rendezvous or f"127.0.0.1:{RENDEZVOUS_PORT}"
    rendezvous = [f"--rdzv_endpoint={endpoint}", f"--rdzv_id={recipe.hardware.rendezvous_id}"]
    return [*command, "--launcher", "torchrun", "--", *torchrun_options(recipe), *rendezvous]


def torchrun_options(recipe: Recipe) -> list[str]:
    """torchrun's options but for the rendezvous; the same on every node."""
    hardware = recipe.hardware
    return [f"--nnodes={hardware.nodes}", f"--nproc_per_node={hardware.devices}", "--rdzv_backend=c10d"]


def accelerate_variables(recipe: Recipe) -> dict[str, str]:
    """Environment variables for several processes without a GPU: without them each rank trains alone, all steps."""
    if process_count(recipe) > 1 and recipe.hardware.accelerator == "cpu":
        return {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    return {}


def slurm_script(recipe: Recipe) -> str:
    """A Slurm job that trains on `hardware.nodes` machines of a cluster with a shared disk."""
    hardware, run = recipe.hardware, Run(recipe.run)
    environment = Environment(  # noqa: S701 - shell, not HTML
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("slurm.sh.j2").render(
        script_path=run.slurm_path,
        job_name=recipe.run,
        nodes=hardware.nodes,
        gpus_per_node=hardware.devices if hardware.accelerator == "cuda" else None,
        logs_dir=run.logs_dir,
        repo_dir=REPO_DIR,
        axolotl_env_dir=AXOLOTL_ENV_DIR,
        bin_dir=environments.env_dir("train") / "bin",
        axolotl_path=run.axolotl_path,
        torchrun_options=torchrun_options(recipe),
        port=RENDEZVOUS_PORT,
    )


def write_slurm_script(recipe: Recipe) -> Path | None:
    """Write slurm.sh beside axolotl.yaml where the recipe takes more than one machine."""
    if recipe.hardware.nodes == 1:
        return None
    path = Run(recipe.run).slurm_path
    write_text(path, slurm_script(recipe))
    return path
