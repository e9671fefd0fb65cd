"""What to do when training runs out of memory: the next step of `out_of_memory`, its cost, and a record of it.

The batch that an update sees stays the same: what a micro batch loses, accumulation gains.
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
    """How many processes the kernel has ended for want of memory since it started; 0 where it does not say."""
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
            return line.strip()[:300]
    killed = exit_code == -9 or any("SIGKILL" in line for line in lines)  # the second is torchrun's word for it
    if killed and oom_kills() > kills_before:
        return "the kernel ended it for want of memory"
    return None


def steps(wanted: Recipe) -> Iterator[Step]:
    """The steps that are left for this recipe, in its own order."""
    a = wanted.axolotl
    for name in wanted.out_of_memory:
        if name == "batch" and (a.get("micro_batch_size") or 1) > 1:
            whole = a["micro_batch_size"]
            part = next(size for size in range(whole // 2, 0, -1) if whole % size == 0)
            accumulated = whole // part * (a.get("gradient_accumulation_steps") or 1)
            sizes = [f"axolotl.micro_batch_size={part}", f"axolotl.gradient_accumulation_steps={accumulated}"]
            if (a.get("eval_batch_size") or 1) > part:
                sizes.append(f"axolotl.eval_batch_size={part}")
            yield Step(name, sizes, keeps_checkpoints=True, costs="the same update in smaller parts, somewhat slower")
        if name == "sequence" and (length := _shorter(wanted)) >= MIN_LENGTH:
            most = length - SPECIAL_TOKENS
            bounds = [f"data.max_tokens={min(wanted.data.max_tokens, most)}"]
            if wanted.data.min_tokens > most // 2:
                bounds.append(f"data.min_tokens={most // 4}")
            costs = f"rows are cut anew, to at most {most} tokens"
            yield Step(name, [f"axolotl.sequence_len={length}", *bounds], keeps_checkpoints=False, costs=costs)
        if name == "rank" and a.get("adapter") and a["lora_r"] // 2 >= MIN_RANK:
            halves = [f"axolotl.{key}={max(1, a[key] // 2)}" for key in ("lora_r", "lora_alpha")]
            yield Step(name, halves, keeps_checkpoints=False, costs="an adapter that holds half as much")
        if name == "model" and wanted.model.smaller:
            costs = "a weaker base model, fetched first where it is not here"
            yield Step(name, [f"model={wanted.model.smaller}"], keeps_checkpoints=False, costs=costs)


def _shorter(wanted: Recipe) -> int:
    """The next length of rows: the recipe's own where it names some (0 after the last), else half."""
    length = int(wanted.axolotl["sequence_len"])
    if not wanted.shorter_rows:
        return length // 2
    return max((each for each in wanted.shorter_rows if each < length), default=0)


def take_next_step(wanted: Recipe, why: str) -> Step:
    """Take the next step: print it, record it, freeze the recipe with it. Raises UserError when none is left."""
    run = Run(wanted.run)
    said, adapted = recipes.frozen_overrides(run), recipes.adapted_overrides(run)
    refused = []
    for step in steps(wanted):
        now = recipes.merge_overrides(adapted, step.overrides)
        try:
            composed = recipes.compose(wanted.recipe, recipes.merge_overrides(said, now), run=run.name)
        except UserError as error:  # a limit of the model's or the machine's is in the way of this step
            refused += error.problems
            continue
        if step.name == "model" and composed.recipe.axolotl["base_model"] == wanted.axolotl["base_model"]:
            refused.append("axolotl.base_model is set, which another model= leaves as it is")
            continue
        found = [c for c in checkpoints.whole(run.adapter_dir) if c.is_resumable]
        lost = found[-1].step if found else 0
        way = f"resumes from step {lost}" if step.keeps_checkpoints else f"starts over, {lost} saved steps are given up"
        notice(f"training ran out of memory ({why}). Next: {step.name}: {' '.join(step.overrides)}")
        notice(f"it {way}; the cost: {step.costs}")
        if not step.keeps_checkpoints:  # before it is recorded: a kill in between leads here again
            shutil.rmtree(run.adapter_dir, ignore_errors=True)
        steps_lost = 0 if step.keeps_checkpoints else lost
        recipes.adapt(
            composed,
            said,
            Adaptation(step=step.name, overrides=step.overrides, why=why, costs=step.costs, steps_lost=steps_lost),
        )
        return step
    raise UserError(
        [f"training ran out of memory ({why}), and no step of out_of_memory is left", *refused],
        hint=f"make plan RECIPE={wanted.recipe} says what would fit",
    )
