"""How many optimizer steps a training takes, counted as Axolotl 0.19 counts them.

The source is `calculate_total_num_steps` in axolotl/utils/trainer.py and `normalize_config` in axolotl/utils/config.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from voicewright.core.documents.base import read_documents
from voicewright.core.paths import Run
from voicewright.core.rows import TrainingRow, read_prompt_format
from voicewright.recipe.schema import Recipe

TRAINED_SPLITS = ("train", "synthetic")


@dataclass(frozen=True)
class StepCount:
    """The optimizer steps of a training."""

    batch: int
    """Rows (or packs, where the recipe packs) that one optimizer step sees, over all processes."""
    per_epoch: int
    total: int


def process_count(recipe: Recipe) -> int:
    """Training processes, one an accelerator, on all machines: torch's world size."""
    return recipe.hardware.devices * recipe.hardware.nodes


def batch_size(recipe: Recipe) -> int:
    """Rows (or packs) that one optimizer step sees, over all processes."""
    a = recipe.axolotl
    per_process = a.get("batch_size") or (a.get("micro_batch_size") or 1) * (a.get("gradient_accumulation_steps") or 1)
    replicas = process_count(recipe) // (a.get("context_parallel_size") or 1) // (a.get("tensor_parallel_size") or 1)
    return int(per_process * max(1, replicas))


def count_steps(recipe: Recipe, lengths: Sequence[int]) -> StepCount:
    """The steps over training rows of so many tokens each, special tokens included."""
    packs = count_packs(lengths, sequence_length(recipe)) if recipe.axolotl.get("sample_packing") else 0
    return _steps(recipe, len(lengths), packs)


def estimate_steps(recipe: Recipe, rows: int, tokens: int) -> StepCount:
    """The steps over `rows` rows with `tokens` tokens in all, where the length of each is not known."""
    return _steps(recipe, rows, math.ceil(tokens / sequence_length(recipe)))


def _steps(recipe: Recipe, rows: int, packs: int) -> StepCount:
    """Rows are rounded up once, at the end of the last epoch; packs that fill no batch are dropped in each epoch."""
    a, batch = recipe.axolotl, batch_size(recipe)
    epochs = a.get("num_epochs") or 1
    if a.get("sample_packing"):
        per_epoch = max(1, packs // batch)
        total = math.floor(per_epoch * epochs) - (math.ceil(epochs) if a.get("dataloader_drop_last") else 0)
    else:
        per_epoch = math.ceil(rows / batch)
        total = math.ceil(rows * epochs / batch)
    return StepCount(batch, per_epoch, int(a.get("max_steps") or total))


def sequence_length(recipe: Recipe) -> int:
    """Tokens of the longest sequence that is trained on."""
    return int(recipe.axolotl.get("sequence_len") or recipe.model.context)


def count_packs(lengths: Sequence[int], capacity: int) -> int:
    """How many sequences of `capacity` tokens hold all rows: first-fit decreasing, as Axolotl packs."""
    used = 0
    spaces = np.full(max(1, len(lengths)), capacity, dtype=np.int64)
    for length in sorted(lengths, reverse=True):
        fitting = np.flatnonzero(spaces[: used + 1] >= min(length, capacity))
        place = int(fitting[0]) if len(fitting) else used
        spaces[place] -= min(length, capacity)
        used = max(used, place + 1)
    return used


def read_trained_rows(run: Run) -> list[TrainingRow]:
    """The prepared rows that are trained on; [] before `prepare`."""
    return [row for path in run.row_files(*TRAINED_SPLITS) for row in read_documents(path, TrainingRow)]


def row_lengths(run: Run, rows: Iterable[TrainingRow]) -> list[int]:
    """Tokens of each row as it is trained on, with the special tokens that a raw text gets."""
    special_tokens = read_prompt_format(run.stats_path).special_tokens
    return [row.tokens + (special_tokens if row.text is not None else 0) for row in rows]
