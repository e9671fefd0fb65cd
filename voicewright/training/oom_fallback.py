"""What to do when training runs out of memory: the next step of `out_of_memory`, its cost, and a record of it.

The rows of an optimizer step stay the same: a smaller micro batch is accumulated more often.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voicewright.core.documents.adaptations import Adaptation, FallbackStep
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import Run
from voicewright.recipe import recipes
from voicewright.recipe.limits import SPECIAL_TOKENS
from voicewright.recipe.schema import Recipe
from voicewright.training import checkpoints

OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|std::bad_alloc|MemoryError|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
# The end of the log in which the line is looked for.
LOG_TAIL_BYTES = 2**16
MIN_LENGTH, MIN_RANK = 256, 4
MAX_LINE_LENGTH = 300
# The exit code of a training that changed its recipe instead of finishing: the same command resumes.
RECIPE_CHANGED = 75


@dataclass(frozen=True)
class Step:
    """One step of the fallback: the overrides that it adds to the recipe."""

    name: FallbackStep
    overrides: list[str]
    keeps_checkpoints: bool
    """Whether the checkpoints made so far are still of use."""
    costs: str
    """What is given up, beside saved steps."""


def oom_kills() -> int:
    """How many processes the kernel has killed because memory ran out, since it started; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def out_of_memory_line(exit_code: int | None, log_path: Path, log_size_before: int, kills_before: int) -> str | None:
    """The log's line that says that memory ran out, None if something else ended the process.

    `log_size_before`: how many bytes the log held when this start began; an earlier start's lines do not count.
    """
    if not exit_code:
        return None
    with log_path.open("rb") as log:
        log.seek(max(log_size_before, log_path.stat().st_size - LOG_TAIL_BYTES))
        lines = log.read().decode("utf-8", "replace").splitlines()
    for line in reversed(lines):
        if OUT_OF_MEMORY.search(line):
            return line.strip()[:MAX_LINE_LENGTH]
    killed = exit_code == -9 or any("SIGKILL" in line for line in lines)  # the second is torchrun's word for it
    if killed and oom_kills() > kills_before:
        return "the kernel killed it because memory ran out"
    return None


def steps(recipe: Recipe) -> Iterator[Step]:
    """The steps that this recipe can still take, in its own order."""
    a = recipe.axolotl
    for name in recipe.out_of_memory:
        if name == "batch" and (a.get("micro_batch_size") or 1) > 1:
            size = a["micro_batch_size"]
            smaller = next(part for part in range(size // 2, 0, -1) if size % part == 0)
            accumulation = size // smaller * (a.get("gradient_accumulation_steps") or 1)
            sizes = [f"axolotl.micro_batch_size={smaller}", f"axolotl.gradient_accumulation_steps={accumulation}"]
            if (a.get("eval_batch_size") or 1) > smaller:
                sizes.append(f"axolotl.eval_batch_size={smaller}")
            yield Step(name, sizes, keeps_checkpoints=True, costs="the same update in smaller parts, somewhat slower")
        if name == "sequence" and (length := _shorter_length(recipe)) >= MIN_LENGTH:
            max_tokens = length - SPECIAL_TOKENS
            bounds = [f"data.max_tokens={min(recipe.data.max_tokens, max_tokens)}"]
            if recipe.data.min_tokens > max_tokens // 2:
                bounds.append(f"data.min_tokens={max_tokens // 4}")
            costs = f"rows are cut anew, to at most {max_tokens} tokens"
            yield Step(name, [f"axolotl.sequence_len={length}", *bounds], keeps_checkpoints=False, costs=costs)
        if name == "rank" and a.get("adapter") and a["lora_r"] // 2 >= MIN_RANK:
            ranks = [f"axolotl.{key}={max(1, a[key] // 2)}" for key in ("lora_r", "lora_alpha")]
            yield Step(name, ranks, keeps_checkpoints=False, costs="an adapter that holds half as much")
        if name == "model" and recipe.model.smaller:
            costs = "a weaker base model, downloaded first where it is not on this disk"
            yield Step(name, [f"model={recipe.model.smaller}"], keeps_checkpoints=False, costs=costs)


def _shorter_length(recipe: Recipe) -> int:
    """The next length of rows: the recipe's own where it names some (0 after the last), else half."""
    length = int(recipe.axolotl["sequence_len"])
    if not recipe.shorter_rows:
        return length // 2
    return max((shorter for shorter in recipe.shorter_rows if shorter < length), default=0)


def take_next_step(recipe: Recipe, why: str) -> Step:
    """Take the next step: print it, record it, freeze the recipe with it. Raises UserError when none is left."""
    run = Run(recipe.run)
    set_overrides, adapted = recipes.frozen_overrides(run), recipes.adapted_overrides(run)
    refusals = []
    for step in steps(recipe):
        overrides = recipes.merge_overrides(set_overrides, recipes.merge_overrides(adapted, step.overrides))
        try:
            composed = recipes.compose(recipe.recipe, overrides, run=run.name)
        except UserError as error:  # a limit of the model's or the machine's is in the way of this step
            refusals += error.problems
            continue
        if step.name == "model" and composed.recipe.axolotl["base_model"] == recipe.axolotl["base_model"]:
            refusals.append("axolotl.base_model is set, which another model= leaves as it is")
            continue
        resumable = [checkpoint for checkpoint in checkpoints.whole(run.adapter_dir) if checkpoint.is_resumable]
        last_step = resumable[-1].step if resumable else 0
        if step.keeps_checkpoints:
            effect = f"resumes from step {last_step}"
        else:
            effect = f"starts over, {last_step} saved steps are given up"
        notice(f"training ran out of memory ({why}). Next: {step.name}: {' '.join(step.overrides)}")
        notice(f"it {effect}; the cost: {step.costs}")
        if not step.keeps_checkpoints:  # before it is recorded: a kill in between leads here again
            shutil.rmtree(run.adapter_dir, ignore_errors=True)
        steps_lost = 0 if step.keeps_checkpoints else last_step
        recipes.adapt(
            composed,
            set_overrides,
            Adaptation(step=step.name, overrides=step.overrides, why=why, costs=step.costs, steps_lost=steps_lost),
        )
        return step
    raise UserError(
        [f"training ran out of memory ({why}), and no step of out_of_memory is left", *refusals],
        hint=f"make plan RUN={run.name}",
    )
