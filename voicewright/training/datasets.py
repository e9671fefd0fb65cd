"""The `datasets:` of an Axolotl YAML, and whether the rows on disk are what it expects."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import content_id, fingerprint, read_rows
from voicewright.recipe.schema import Recipe

Tree = dict[str, Any]

# What Axolotl needs to know of each row shape that prepare writes.
OF_SHAPE: dict[str, Tree] = {
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
ROWS_LOOKED_AT = 2000


def short(path: Path) -> str:
    """A path as the YAML names it: relative to the repository where it lies inside."""
    return str(path.relative_to(REPO_DIR) if path.is_relative_to(REPO_DIR) else path)


def render(recipe: Recipe) -> Tree:
    """The `datasets`, `test_datasets` and `dataset_prepared_path` of a recipe's rows."""
    run = Run(recipe.run)
    shapes = sorted({source.row_shape for source in recipe.data.sources.values()})

    def entries(*splits: str) -> list[Tree]:
        return [
            {"path": short(run.rows_path(shape, split)), "ds_type": "json", "split": "train", **OF_SHAPE[shape]}
            for split in splits
            for shape in shapes
        ]

    return {
        # DPO's dataset entries take no template of their own: Axolotl reads this one alone.
        **({"chat_template": "tokenizer_default"} if "preference" in shapes else {}),
        "datasets": entries("train", *(["synthetic"] if recipe.data.expand else [])),
        "test_datasets": entries("val"),
        # Axolotl's cache keys by path and options, not by content: new rows need a new place.
        "dataset_prepared_path": short(run.dir / "prepared" / _rows_digest(run)),
    }


def _rows_digest(run: Run) -> str:
    return content_id([fingerprint(path) for path in run.axolotls_rows])


def row_problems(axolotl: Tree) -> list[str]:
    """Rows on disk that are not what their dataset's `type` reads, each as a sentence with file and line."""
    problems = []
    for entry in [*(axolotl.get("datasets") or []), *(axolotl.get("test_datasets") or [])]:
        path = REPO_DIR / str(entry.get("path"))
        if entry.get("ds_type") != "json" or not path.is_file():
            continue
        needed = FIELDS_OF_TYPE.get(str(entry.get("type")), ())
        if entry.get("type") == "completion" and entry.get("field"):
            needed = (str(entry["field"]),)
        for number, row in enumerate(islice(read_rows(path), ROWS_LOOKED_AT), 1):
            missing = [name for name in needed if name not in row]
            if missing:
                fits = [kind for kind, names in FIELDS_OF_TYPE.items() if all(name in row for name in names)]
                hint = f"; its fields ({', '.join(row)}) fit type: {fits[-1]}" if fits else ""
                problems.append(
                    f"{short(path)}:{number}: type {entry['type']} reads {', '.join(missing)}, not there{hint}"
                )
                break
    return problems
