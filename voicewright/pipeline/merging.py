"""Merge an adapter into its base and prove it: merged_models/<run>/ appears only after the parity check.

python -m train.merge RUN checkpoint=auto     auto: the lowest evaluation loss; best: what
                                               `make checkpoints` chose; or a step number; without it, what
                                              `make merge CHECKPOINT=` chose last
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from voicewright.cli import arguments
from voicewright.core import environments
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import AXOLOTL_ENV_DIR, REPO_DIR, Run
from voicewright.core.records import write_json
from voicewright.pipeline import checkpoint_comparison
from voicewright.recipe import recipes
from voicewright.training import checkpoints, model_card

# Of a checkpoint, what only going on with training needs.
TRAINERS_OWN = ("*.pt", "*.bin", "*.pth", "trainer_state.json", "tokens_state.json", "global_step*", "README.md")
PARITY_ROWS = 8
# Rounding to bf16 and NF4's double quantisation leave 0.5% on a tensor and 0.006 nats on a token (measured on the
# tiny base); one tensor scaled by 1.05 shows as 5%.
TENSOR_TOLERANCE = 0.02
TOLERANCE_NATS = 0.02


def inside(run: Run, *words: str | Path) -> str:
    """Run a command in the train environment; its output is added to logs/merge.log and returned."""
    result = subprocess.run(
        [str(word) for word in words],
        cwd=REPO_DIR,
        env={**os.environ, **environments.environment_variables("train"), "PYTHONPATH": str(AXOLOTL_ENV_DIR)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    log_path = run.logs_dir / "merge.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("a", encoding="utf-8") as log:
        log.write(result.stdout)
    if result.returncode:
        lines = [f"  {line}" for line in result.stdout.strip().splitlines()[-8:]]
        raise UserError([f"merging failed, exit code {result.returncode}. From {log_path}:", *lines])
    return result.stdout


def merged_weights(run: Run, base: str, checkpoint: Path, part_dir: Path) -> Path:
    """Merge into `part_dir` and return the folder with the model."""
    if not (checkpoint / "adapter_config.json").exists():  # a full fine-tune is its own model
        shutil.copytree(checkpoint, part_dir / "merged", ignore=shutil.ignore_patterns(*TRAINERS_OWN))
        return part_dir / "merged"
    axolotl = environments.python("train").with_name("axolotl")
    inside(run, axolotl, "merge-lora", run.axolotl_path, f"--lora-model-dir={checkpoint}", f"--output-dir={part_dir}")
    inside(run, environments.python("train"), AXOLOTL_ENV_DIR / "restore.py", base, checkpoint, part_dir / "merged")
    return part_dir / "merged"


def parity(run: Run, base: str, checkpoint: Path, merged_dir: Path, *, four_bit: bool) -> dict[str, Any]:
    """The differences between the merged model and base plus adapter, see training/axolotl_env/parity.py."""
    rows = run.row_files("val")[0]
    said = inside(
        run, environments.python("train"), AXOLOTL_ENV_DIR / "parity.py",
        base, checkpoint, merged_dir, str(four_bit).lower(), rows, str(PARITY_ROWS), run.dir / "parity_tokens.json",
    )  # fmt: skip
    line = next(line for line in said.splitlines() if line.startswith("PARITY "))
    return dict(json.loads(line.removeprefix("PARITY ")))


def check(figures: dict[str, Any]) -> None:
    """Raise UserError if the merged model is not the one that was trained."""
    problems = []
    if not figures["worst_relative"] <= TENSOR_TOLERANCE:
        problems.append(
            f"{figures['worst_tensor']} differs by {figures['worst_relative']:.1%} from base plus adapter "
            f"(tolerance {TENSOR_TOLERANCE:.0%})"
        )
    if not figures["mean_abs_nats"] <= TOLERANCE_NATS:
        problems.append(
            f"log-probabilities differ by {figures['mean_abs_nats']:.4f} nats a token on average "
            f"(tolerance {TOLERANCE_NATS}; the adapter itself moved the base by {figures['adapter_moved_nats']:.4f})"
        )
    if problems:
        raise UserError(["the merged model is not the one that was trained:", *problems], hint="make merge FORCE=merge")


@exits_cleanly
def main() -> None:
    name, options = arguments.parse(__doc__, {"checkpoint": None})
    run = Run(name)
    wanted = recipes.load(name)
    base = str(yaml.safe_load(run.axolotl_path.read_text(encoding="utf-8"))["base_model"])
    chosen = run.choice_path.read_text(encoding="utf-8") if run.choice_path.exists() else "auto"
    chosen = options["checkpoint"] or chosen
    checkpoint = checkpoints.choose(run.adapter_dir, checkpoint_comparison.best(run) if chosen == "best" else chosen)
    print(f"merging step {checkpoint.step} (evaluation loss {checkpoint.eval_loss}) into {base}", flush=True)
    part_dir = run.merged_dir.with_name(f".{run.name}.part")
    shutil.rmtree(part_dir, ignore_errors=True)
    merged_dir = merged_weights(run, base, checkpoint.path, part_dir)
    figures: dict[str, Any] = {}
    if (checkpoint.path / "adapter_config.json").exists():
        figures = parity(run, base, checkpoint.path, merged_dir, four_bit=bool(wanted.axolotl.get("load_in_4bit")))
        check(figures)
        print(
            f"parity: {figures['mean_abs_nats']:.4f} nats a token from base plus adapter, which moved the base by "
            f"{figures['adapter_moved_nats']:.3f}; worst tensor {figures['worst_relative']:.2%}"
        )
        if figures["unquantised_gap_nats"] is not None:
            print(f"the adapter on the base before 4 bits is {figures['unquantised_gap_nats']:.4f} nats away")
    write_json(merged_dir / "voicewright.json", {"run": run.name, "step": checkpoint.step, "parity": figures})
    model_card.write(merged_dir, wanted, base, checkpoint, figures)
    shutil.rmtree(run.merged_dir, ignore_errors=True)
    merged_dir.rename(run.merged_dir)
    shutil.rmtree(part_dir, ignore_errors=True)
    print(f"merged model: {run.merged_dir}")


if __name__ == "__main__":
    main()
