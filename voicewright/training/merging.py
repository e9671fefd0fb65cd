"""Merging an adapter into its base: merged_models/<run>/ appears only after the parity check."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from voicewright.core import environments
from voicewright.core.documents.base import write_document
from voicewright.core.documents.training import MergedModel, Parity
from voicewright.core.paths import Run
from voicewright.recipe import recipes
from voicewright.training import axolotl_scripts, checkpoints, model_card, parity

# Files of a checkpoint that only resuming needs.
TRAINER_FILES = ("*.pt", "*.bin", "*.pth", "trainer_state.json", "tokens_state.json", "global_step*", "README.md")
ADAPTER_CONFIG = "adapter_config.json"


def merge(run: Run, choice: str | None = None) -> None:
    """Merge one checkpoint into its base, check the result and put it in place of an earlier one.

    `choice`: auto, best or a step; None for what was chosen last. Raises UserError if it is not what was trained.
    """
    recipe = recipes.load(run.name)
    base = str(yaml.safe_load(run.axolotl_path.read_text(encoding="utf-8"))["base_model"])
    choice = choice or last_choice(run)
    checkpoint = checkpoints.choose(run.adapter_dir, checkpoints.compared_best(run) if choice == "best" else choice)
    print(f"merging step {checkpoint.step} (evaluation loss {checkpoint.eval_loss}) into {base}", flush=True)
    part_dir = run.merged_dir.with_name(f".{run.name}.part")
    shutil.rmtree(part_dir, ignore_errors=True)
    merged_dir = part_dir / "merged"
    figures: Parity | None = None
    if (checkpoint.path / ADAPTER_CONFIG).exists():
        merge_adapter(run, base, checkpoint.path, part_dir)
        four_bit = bool(recipe.axolotl.get("load_in_4bit"))
        figures = parity.compare_with_adapter(run, base, checkpoint.path, merged_dir, four_bit=four_bit)
        parity.check(figures, run)
        print(
            f"parity: {figures.mean_abs_nats:.4f} nats a token from base plus adapter, which moved the base by "
            f"{figures.adapter_moved_nats:.3f}; worst tensor {figures.worst_relative:.2%}"
        )
        if figures.unquantised_gap_nats is not None:
            print(f"the adapter on the base before 4 bits is {figures.unquantised_gap_nats:.4f} nats away")
    else:  # a full fine-tune is its own model
        shutil.copytree(checkpoint.path, merged_dir, ignore=shutil.ignore_patterns(*TRAINER_FILES))
    document = MergedModel(run=run.name, step=checkpoint.step)
    if figures is not None:
        document.parity = figures
    write_document(merged_dir / "voicewright.json", document)
    model_card.write(merged_dir, recipe, base, checkpoint, figures)
    shutil.rmtree(run.merged_dir, ignore_errors=True)
    merged_dir.rename(run.merged_dir)
    shutil.rmtree(part_dir, ignore_errors=True)
    print(f"merged model: {run.merged_dir}")


def last_choice(run: Run) -> str:
    """Which checkpoint the user chose to merge; auto where none was chosen."""
    return run.choice_path.read_text(encoding="utf-8").strip() if run.choice_path.exists() else "auto"


def merge_adapter(run: Run, base: str, checkpoint_dir: Path, part_dir: Path) -> None:
    """Let Axolotl merge into `part_dir`/merged, then restore the tensors that the adapter does not change."""
    log_path = run.logs_dir / "merge.log"
    axolotl = environments.python("train").with_name("axolotl")
    axolotl_scripts.run_command(
        [axolotl, "merge-lora", run.axolotl_path, f"--lora-model-dir={checkpoint_dir}", f"--output-dir={part_dir}"],
        task="merging",
        log_path=log_path,
    )
    paths = {"base": base, "adapter": str(checkpoint_dir), "merged": str(part_dir / "merged")}
    axolotl_scripts.run_script("restore.py", {**paths}, task="merging", log_path=log_path)
