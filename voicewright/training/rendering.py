"""Rendering axolotl.yaml, exactly what Axolotl reads: the recipe's `axolotl:` block, and where the rows are."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from voicewright.core import environments
from voicewright.core.errors import UserError
from voicewright.core.paths import REPO_DIR, Run, given_path
from voicewright.core.records import content_id, fingerprint, read_rows, write_text
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.training import axolotl_validation, base_model, launching

Tree = dict[str, Any]

# What Axolotl needs to know of each row shape that prepare writes.
DATASET_OF_SHAPE: dict[str, Tree] = {
    "completion": {"type": "completion", "field": "text"},
    "chat": {"type": "chat_template", "field_messages": "messages", "message_field_training": "train"},
    "preference": {"type": "chat_template.default"},
}
# The fields without which a dataset type reads nothing, or something else.
FIELDS_OF_TYPE = {
    "completion": ("text",),
    "chat_template": ("messages",),
    "chat_template.default": ("messages", "chosen", "rejected"),
}
MAX_CHECKED_ROWS = 2000


def render(run: Run) -> None:
    """Write a run's axolotl.yaml, and slurm.sh where it takes several machines.

    Raises UserError where the rows, the base model or Axolotl's own validation refuse it.
    """
    recipe = recipes.load(run.name)
    text = axolotl_yaml(recipe)
    if environments.is_built("train"):
        axolotl_validation.validate(text, recipe.hardware)
    write_text(run.axolotl_path, text)
    print(f"wrote {run.axolotl_path}")
    if script_path := launching.write_slurm_script(recipe):
        print(f"wrote {script_path}")


def axolotl_yaml(recipe: Recipe) -> str:
    """The YAML text: the recipe's `axolotl:` block, and the keys that the launcher sets (validation.LAUNCHER_KEYS)."""
    tree = {
        **datasets(recipe),
        "val_set_size": 0,  # prepare has split the rows by whole chapters
        "output_dir": short_path(Run(recipe.run).adapter_dir),
        **recipe.axolotl,
        "plugins": plugins(recipe),
    }
    if recipe.early_stopping:
        tree["voicewright_early_stopping"] = recipe.early_stopping.model_dump()
    problems = row_problems(tree) + base_model.problems(recipe)
    if problems:
        raise UserError(problems, hint=f"make prepare RECIPE={recipe.recipe} writes rows that fit")
    head = f"# Rendered by `make render` from recipes/{recipe.recipe}.yaml; edit that, not this.\n"
    return head + yaml.safe_dump(tree, sort_keys=True, allow_unicode=True)


def plugins(recipe: Recipe) -> list[str]:
    """Our plugins in voicewright/training/axolotl_env/ that this recipe needs, then those that it names itself."""
    ours = ["voicewright_progress.ProgressPlugin"]
    if recipe.early_stopping:
        ours.append("voicewright_stopping.EarlyStoppingPlugin")
    if recipe.hardware.accelerator == "cpu":
        ours.append("voicewright_cpu.CpuPlugin")
    return list(dict.fromkeys([*ours, *(recipe.axolotl.get("plugins") or [])]))


def short_path(path: Path) -> str:
    """A path as the YAML names it: relative to the repository where it lies inside."""
    return str(path.relative_to(REPO_DIR) if path.is_relative_to(REPO_DIR) else path)


def datasets(recipe: Recipe) -> Tree:
    """The `datasets`, `test_datasets` and `dataset_prepared_path` of a recipe's rows."""
    run = Run(recipe.run)
    shapes = sorted({source.row_shape for source in recipe.data.sources.values()})

    def entries(*splits: str) -> list[Tree]:
        return [
            {
                "path": short_path(run.rows_path(shape, split)),
                "ds_type": "json",
                "split": "train",
                **DATASET_OF_SHAPE[shape],
            }
            for split in splits
            for shape in shapes
        ]

    # Axolotl's cache keys by path and options, not by content: new rows need a new folder.
    rows_digest = content_id([fingerprint(path) for path in run.axolotls_rows])
    return {
        # DPO's dataset entries take no template of their own: Axolotl reads this one alone.
        **({"chat_template": "tokenizer_default"} if "preference" in shapes else {}),
        "datasets": entries("train", *(["synthetic"] if recipe.data.expand else [])),
        "test_datasets": entries("val"),
        "dataset_prepared_path": short_path(run.dir / "prepared" / rows_digest),
    }


def row_problems(axolotl: Tree) -> list[str]:
    """Rows on disk that are not what their dataset's `type` reads, each as a sentence with file and line."""
    problems = []
    for entry in [*(axolotl.get("datasets") or []), *(axolotl.get("test_datasets") or [])]:
        path = given_path(str(entry.get("path")))
        if entry.get("ds_type") != "json" or not path.is_file():
            continue
        fields = FIELDS_OF_TYPE.get(str(entry.get("type")), ())
        if entry.get("type") == "completion" and entry.get("field"):
            fields = (str(entry["field"]),)
        for number, row in enumerate(islice(read_rows(path), MAX_CHECKED_ROWS), 1):
            missing = [name for name in fields if name not in row]
            if missing:
                fitting = [kind for kind, names in FIELDS_OF_TYPE.items() if all(name in row for name in names)]
                advice = f"; its fields ({', '.join(row)}) fit type: {fitting[-1]}" if fitting else ""
                problems.append(
                    f"{short_path(path)}:{number}: type {entry['type']} reads {', '.join(missing)}, which the row "
                    f"lacks{advice}"
                )
                break
    return problems
