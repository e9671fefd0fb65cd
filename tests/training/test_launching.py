"""The commands that start Axolotl, and the YAML that it reads."""

from __future__ import annotations

from pathlib import Path

import yaml

from voicewright.recipe import recipes
from voicewright.training import launching
from voicewright.training.rendering import axolotl_yaml

LIGER = "axolotl.integrations.liger.LigerPlugin"


def test_one_machine_is_one_process_and_several_are_torchrun_with_the_same_options() -> None:
    recipe = recipes.compose("visions").recipe
    assert launching.axolotl_command(recipe, None)[-2:] == ["--launcher", "python"]
    cluster = recipes.compose("visions", ["hardware=cluster_2x8x80gb"]).recipe
    command = launching.axolotl_command(cluster, Path("checkpoint-4"))
    assert command[command.index("--") + 1 :] == [
        "--nnodes=2", "--nproc_per_node=8", "--rdzv_backend=c10d", "--rdzv_endpoint=node1:29500",
        "--rdzv_id=voicewright",
    ]  # fmt: skip
    assert "--resume-from-checkpoint=checkpoint-4" in command[: command.index("--")]


def test_a_slurm_job_asks_for_the_recipes_machines(home: Path) -> None:
    script = launching.slurm_script(recipes.compose("visions", ["hardware=cluster_2x8x80gb"]).recipe)
    for line in ("#SBATCH --nodes=2", "#SBATCH --gpus-per-node=8", "#SBATCH --ntasks-per-node=1"):
        assert f"\n{line}\n" in script
    assert "  --nnodes=2 --nproc_per_node=8 --rdzv_backend=c10d \\\n" in script
    assert script.startswith("#!/bin/bash\n") and script.endswith('--rdzv_id="$SLURM_JOB_ID"\n')
    without_gpus = recipes.compose("visions", ["hardware=cpu_x2", "model=tiny", "hardware.nodes=2"]).recipe
    assert "gpus-per-node" not in launching.slurm_script(without_gpus)


def test_a_recipes_own_plugins_are_added_to_ours(home: Path) -> None:
    recipe = recipes.compose("demo", [f"axolotl.plugins=[{LIGER}]"]).recipe
    plugins = yaml.safe_load(axolotl_yaml(recipe))["plugins"]
    assert plugins == ["voicewright_progress.ProgressPlugin", "voicewright_cpu.CpuPlugin", LIGER]
