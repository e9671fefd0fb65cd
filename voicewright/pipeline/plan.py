"""What a run will take, before anything is downloaded: steps, memory by part, disk, hours, and what to change."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from voicewright.core.errors import UserError
from voicewright.core.paths import Run, free_gb
from voicewright.recipe import recipes, steps
from voicewright.recipe.schema import Recipe
from voicewright.recipe.steps import StepCount
from voicewright.training import base_model, disk, memory
from voicewright.training.memory import Memory

# The mean of English prose under the tokenizers of today's models.
BYTES_PER_TOKEN = 4.3
# An accelerator's driver keeps some of its memory.
USABLE_SHARE = 0.95
MIN_LENGTH = 256
MAX_SMALLER_MODELS = 2  # further down, shorter rows cost less of the result
# Files whose size gives the length of their text; only `prepare` can read the others.
TEXT_SUFFIXES = (".txt", ".md", ".jsonl")


@dataclass(frozen=True)
class DataAmount:
    """Training rows, and how they were counted: in the prepared rows, or from the size of the sources."""

    rows: int
    """0 where neither says: books in PDF, documents, exports of chats."""
    tokens: int
    source: str
    steps: StepCount


@dataclass(frozen=True)
class Plan:
    """What a run will take."""

    recipe: Recipe
    data: DataAmount
    memory: Memory
    """Of one accelerator, in GB."""
    smaller: str | None
    """What to change where it does not fit; None where it fits."""
    hours: float | None
    """Of training; None where the machine's speed or the rows are not known."""
    disk: dict[str, float]
    """GB still to be written, by part."""
    free_disk_gb: float

    @property
    def cost_usd(self) -> float | None:
        price = self.recipe.hardware.usd_per_hour
        return None if self.hours is None or not price else self.hours * price


def print_plan(recipe: Recipe, overrides: list[str]) -> None:
    """Print the plan of a recipe that was composed with these overrides.

    Raises UserError with what is wrong with the base model and the rows, after the plan is printed.
    """
    Console().print(table(make_plan(recipe, overrides)))
    problems = base_model.problems(recipe)
    try:
        base_model.check_hub(recipe)
    except UserError as error:
        problems += error.problems
    if problems:
        raise UserError(problems)


def make_plan(recipe: Recipe, overrides: list[str]) -> Plan:
    """The plan of a recipe that was composed with these overrides."""
    data = data_amount(recipe)
    return Plan(
        recipe=recipe,
        data=data,
        memory=memory.memory(recipe),
        smaller=None if fits(recipe) else smaller_settings(recipe, overrides),
        hours=memory.hours(recipe, data.tokens) if data.rows else None,
        disk=disk.needed_gb(recipe),
        free_disk_gb=free_gb(),
    )


def data_amount(recipe: Recipe) -> DataAmount:
    """The rows and steps of a recipe's prepared rows, else an estimate from the size of its sources."""
    run = Run(recipe.run)
    if rows := steps.read_trained_rows(run):
        count = steps.count_steps(recipe, steps.row_lengths(run, rows))
        return DataAmount(len(rows), sum(row.tokens for row in rows), "as prepared", count)
    files = [file for path in recipes.source_paths(recipe).values() for file in _files(path)]
    if not all(file.suffix.lower() in TEXT_SUFFIXES for file in files):
        source = "known after make prepare, which reads the sources"
        return DataAmount(0, 0, source, steps.estimate_steps(recipe, 0, 0))
    share = 1 - recipe.data.val_share - recipe.data.heldout_share
    tokens = int(sum(file.stat().st_size for file in files) / BYTES_PER_TOKEN * share)
    row_count = max(1, round(tokens / ((recipe.data.min_tokens + recipe.data.max_tokens) / 2)))
    source = "estimated from the sources' size; make prepare counts them"
    return DataAmount(row_count, tokens, source, steps.estimate_steps(recipe, row_count, tokens))


def _files(path: Path) -> list[Path]:
    """The files at a path of the sources: a file, a folder or a glob."""
    matches = [path] if path.exists() else Path(path.anchor).glob(str(path.relative_to(path.anchor)))
    files = (file for match in matches for file in ([match] if match.is_file() else match.rglob("*")))
    return [file for file in files if file.is_file() and not file.name.startswith(".")]


# --- what fits


def fits(recipe: Recipe) -> bool:
    """Whether the estimate leaves a margin in one accelerator's memory."""
    return memory.memory(recipe).total <= USABLE_SHARE * recipe.hardware.memory_gb


def smaller_settings(recipe: Recipe, overrides: list[str]) -> str:
    """The least change that makes a run fit: one alone, else two together, else all; the cheapest first."""

    def compose_with(settings: Sequence[list[str]]) -> tuple[Recipe, list[str]] | None:
        combined = overrides
        for words in settings:
            combined = recipes.merge_overrides(combined, words)
        try:
            return recipes.compose(recipe.recipe, combined, run=recipe.run).recipe, combined
        except UserError:
            return None

    savings = memory_savings(recipe)
    for settings in [*([words] for words in savings), *itertools.combinations(savings, 2), savings]:
        composed = compose_with(settings)
        if composed and fits(composed[0]):
            return f'SET="{" ".join(composed[1])}" would fit ({memory.memory(composed[0]).total:.1f} GB)'
    return larger_machine(recipe) or "nothing here fits it: take a smaller model"


def memory_savings(recipe: Recipe) -> list[list[str]]:
    """Overrides that make a run smaller, those that cost the result least first."""
    a = recipe.axolotl
    savings: list[list[str]] = []
    if not a.get("gradient_checkpointing") and recipe.hardware.accelerator == "cuda" and not a.get("fsdp_config"):
        savings.append(["axolotl.gradient_checkpointing=true"])
    if a.get("micro_batch_size", 1) > 1:  # one row at a time, the same batch
        batch = a["micro_batch_size"] * (a.get("gradient_accumulation_steps") or 1)
        savings.append(["axolotl.micro_batch_size=1", f"axolotl.gradient_accumulation_steps={batch}"])
    if "8bit" not in str(a.get("optimizer")) and recipe.hardware.accelerator == "cuda":
        savings.append(["axolotl.optimizer=paged_adamw_8bit"])
    if recipe.method in ("lora", "full"):
        savings.append(["method=qlora"])
    lengths = (a["sequence_len"] // share for share in (2, 4, 8))
    savings += [[f"axolotl.sequence_len={length}"] for length in lengths if length >= MIN_LENGTH]
    return savings + [[f"model={name}"] for name in smaller_models(recipe)]


def smaller_models(recipe: Recipe) -> list[str]:
    """The next models to fall back to."""
    names: list[str] = []
    name = recipe.model.smaller
    while name and len(names) < MAX_SMALLER_MODELS:
        names.append(name)
        name = recipes.choice_tree("model", name)["model"].get("smaller")
    return names


def larger_machine(recipe: Recipe) -> str | None:
    """The smallest machine of configs/hardware/ with one card that has room enough."""
    total = memory.memory(recipe).total
    large_enough = [(gb, name) for gb, name in single_cards() if USABLE_SHARE * gb >= total]
    return f'SET="hardware={min(large_enough)[1]}" has the memory' if large_enough else None


def single_cards() -> list[tuple[float, str]]:
    """GB and name of every file of configs/hardware/ for one NVIDIA card."""
    machines = [recipes.choice_tree("hardware", name)["hardware"] for name in recipes.choices("hardware")]
    return [
        (machine["memory_gb"], machine["name"])
        for machine in machines
        if machine["accelerator"] == "cuda" and machine.get("devices", 1) == 1
    ]


# --- printing


def table(plan: Plan) -> Table:
    """The plan, one line a fact."""
    recipe, data, hardware = plan.recipe, plan.data, plan.recipe.hardware
    rows = Table(show_header=False, title=f"{recipe.recipe}: {recipe.method} of {recipe.model.name} on {hardware.name}")
    rows.add_row("base model", _base_model(recipe))
    amount = f"{data.rows:,} with {data.tokens:,} tokens ({data.source})" if data.rows else data.source
    rows.add_row("training rows", amount)
    packed = "packed" if recipe.axolotl.get("sample_packing") else "not packed"
    total = f"{data.steps.total:,}" if data.rows else "as many as there are batches"
    epochs = recipe.axolotl.get("num_epochs", 1)
    rows.add_row("steps", f"{total} of {data.steps.batch} rows, {epochs} epochs, {packed}")
    for name, gb in vars(plan.memory).items():
        rows.add_row(f"memory: {name}", f"{gb:.2f} GB")
    if sharded := memory.sharded_parts(recipe):
        rows.add_row("", f"{', '.join(sharded)}: the share of one card, of {steps.process_count(recipe)}")
    verdict = "fits" if plan.smaller is None else "DOES NOT FIT"
    rows.add_row("memory: total", f"{plan.memory.total:.1f} of {hardware.memory_gb:g} GB: {verdict}")
    if plan.smaller is not None:
        rows.add_row("what would", plan.smaller)
    if plan.hours is not None:
        rows.add_row("time", _time(plan, plan.hours))
    needed = sum(plan.disk.values())
    parts = ", ".join(f"{name} {gb:.1f}" for name, gb in plan.disk.items() if gb >= 0.05)
    enough = "" if needed <= plan.free_disk_gb else ": NOT ENOUGH"
    rows.add_row("disk", f"{needed:.1f} GB ({parts}); {plan.free_disk_gb:.0f} GB free{enough}")
    return rows


def _base_model(recipe: Recipe) -> str:
    name, on_disk = base_model.base_model_name(recipe), base_model.is_on_disk(recipe)
    if recipe.after and base_model.is_local_name(name) and not base_model.local_dir(recipe):
        where = f"made by {recipe.after}, which runs first"
    elif on_disk:
        where = "on this disk"
    else:
        where = f"{memory.download_gb(recipe):.1f} GB to download"
    gate = ", gated: accept it on the hub and set HF_TOKEN" if recipe.model.gated and not on_disk else ""
    return f"{name}, {where}; license {recipe.model.license}{gate}"


def _time(plan: Plan, hours: float) -> str:
    duration = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
    price = plan.recipe.hardware.usd_per_hour
    if plan.cost_usd is None:
        return f"about {duration} of training, hardware.usd_per_hour gives the cost"
    return f"about {duration} of training, {plan.cost_usd:.2f} USD at {price} an hour"
