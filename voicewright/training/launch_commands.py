"""How Axolotl is started on a machine: one process, torchrun on one or several, or a Slurm job."""

from __future__ import annotations

from pathlib import Path

from voicewright.core import environments
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import write_text
from voicewright.recipe.schema import Recipe
from voicewright.recipe.steps import process_count

RENDEZVOUS = "127.0.0.1:29500"


def axolotl_command(recipe: Recipe, resume_from: Path | None) -> list[str]:
    """What is started. `--launcher python` stays in one process; Axolotl's default would exec accelerate."""
    axolotl = str(environments.python("train").with_name("axolotl"))
    words = [axolotl, "train", str(Run(recipe.run).axolotl_path)]
    if resume_from:
        words.append(f"--resume-from-checkpoint={resume_from}")
    if process_count(recipe) == 1:
        return [*words, "--launcher", "python"]
    return [*words, "--launcher", "torchrun", "--", *torchrun_words(recipe)]


def torchrun_words(recipe: Recipe) -> list[str]:
    """torchrun's own arguments; the same on every node, so that they can be set once."""
    hardware = recipe.hardware
    return [
        f"--nnodes={hardware.nodes}",
        f"--nproc_per_node={hardware.devices}",
        "--rdzv_backend=c10d",
        f"--rdzv_endpoint={hardware.rendezvous or RENDEZVOUS}",
        f"--rdzv_id={hardware.rendezvous_id}",
    ]


def variables(recipe: Recipe) -> dict[str, str]:
    """The environment that a machine needs beside the usual."""
    if process_count(recipe) > 1 and recipe.hardware.accelerator == "cpu":
        # Without it each rank of a CPU group trains alone and takes all the steps.
        return {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    return {}


def slurm_script(recipe: Recipe) -> str:
    """A job that trains on `nodes` machines of a cluster with a shared disk."""
    hardware, run = recipe.hardware, Run(recipe.run)
    gres = f"#SBATCH --gpus-per-node={hardware.devices}\n" if hardware.accelerator == "cuda" else ""
    words = [word for word in torchrun_words(recipe) if not word.startswith(("--rdzv_endpoint", "--rdzv_id"))]
    return f"""#!/bin/bash
# sbatch {run.dir / "slurm.sh"}     (prepare and render first; every node sees this folder)
#SBATCH --job-name={recipe.run}
#SBATCH --nodes={hardware.nodes}
#SBATCH --ntasks-per-node=1
{gres}#SBATCH --output={run.logs_dir}/slurm-%j.log
#SBATCH --signal=TERM@180
set -euo pipefail
cd {REPO_DIR}
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export AXOLOTL_DO_NOT_TRACK=1 HF_HUB_DISABLE_TELEMETRY=1 PYTHONPATH={Path(__file__).parent / "axolotl_env"}
export PATH={environments.env_dir("train") / "bin"}:$PATH
srun axolotl train {run.axolotl_path} --launcher torchrun -- \\
  {" ".join(words)} \\
  --rdzv_endpoint="$first:29500" --rdzv_id="$SLURM_JOB_ID"
"""


def write_slurm_script(recipe: Recipe) -> Path | None:
    """Write slurm.sh beside axolotl.yaml where the recipe takes more than one machine."""
    if recipe.hardware.nodes == 1:
        return None
    path = Run(recipe.run).dir / "slurm.sh"
    write_text(path, slurm_script(recipe))
    return path
