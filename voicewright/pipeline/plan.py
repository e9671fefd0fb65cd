"""What a run will take, before anything is downloaded: steps, memory by part, disk, hours, and what to change."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from voicewright.core.errors import UserError
from voicewright.core.paths import CONFIGS_DIR, Run, free_gb
from voicewright.recipe import recipes, steps
from voicewright.recipe.schema import Recipe
from voicewright.training import base_model, disk
from voicewright.training import memory as estimate

# The mean of English prose under the tokenizers of today's models.
BYTES_PER_TOKEN = 4.3
USABLE = 0.95
# Files whose size tells their text; what is in the others only `prepare` can say.
TEXT_ENDINGS = (".txt", ".md", ".jsonl")


def amount(wanted: Recipe) -> tuple[int, int, str, steps.StepCount]:
    """Training rows, their tokens, where the figures come from, and the steps that they make.

    Counted in the prepared rows, else estimated from the size of the sources; 0 rows where neither can be: books in
    PDF, documents, exports of chats.
    """
    run = Run(wanted.run)
    if prepared := steps.read_trained_rows(run):
        expected = steps.count_steps(wanted, steps.row_lengths(run, prepared))
        return len(prepared), sum(row.tokens for row in prepared), "as prepared", expected
    files = [file for path in recipes.source_paths(wanted).values() for file in _files(path)]
    if not all(file.suffix.lower() in TEXT_ENDINGS for file in files):
        return 0, 0, "known after make prepare, which reads the sources", steps.estimate_steps(wanted, 0, 0)
    share = 1 - wanted.data.val_share - wanted.data.heldout_share
    tokens = int(sum(file.stat().st_size for file in files) / BYTES_PER_TOKEN * share)
    typical = (wanted.data.min_tokens + wanted.data.max_tokens) / 2
    rows, source = max(1, round(tokens / typical)), "estimated from the sources' size; make prepare counts them"
    return rows, tokens, source, steps.estimate_steps(wanted, rows, tokens)


def _files(path: Path) -> list[Path]:
    """The files at a path of the sources: a file, a folder or a glob."""
    found = [path] if path.exists() else Path(path.anchor).glob(str(path.relative_to(path.anchor)))
    files = (file for each in found for file in ([each] if each.is_file() else each.rglob("*")))
    return [file for file in files if file.is_file() and not file.name.startswith(".")]


def changes(wanted: Recipe) -> list[tuple[str, list[str]]]:
    """What makes a run smaller, the cheapest to the result first: a name and the overrides."""
    a = wanted.axolotl
    found: list[tuple[str, list[str]]] = []
    if not a.get("gradient_checkpointing") and wanted.hardware.accelerator == "cuda" and not a.get("fsdp_config"):
        found.append(("compute activations again", ["axolotl.gradient_checkpointing=true"]))
    if a.get("micro_batch_size", 1) > 1:
        whole = a["micro_batch_size"] * (a.get("gradient_accumulation_steps") or 1)
        sizes = ["axolotl.micro_batch_size=1", f"axolotl.gradient_accumulation_steps={whole}"]
        found.append(("one row at a time, the same batch", sizes))
    if "8bit" not in str(a.get("optimizer")) and wanted.hardware.accelerator == "cuda":
        found.append(("an 8-bit optimiser", ["axolotl.optimizer=paged_adamw_8bit"]))
    if wanted.method in ("lora", "full"):
        found.append(("a 4-bit base with adapters", ["method=qlora"]))
    for share in (2, 4, 8):
        length = a["sequence_len"] // share
        if length >= 256:
            found.append((f"rows of at most {length} tokens", [f"axolotl.sequence_len={length}"]))
    return found + [("a smaller model", [f"model={name}"]) for name in smaller_models(wanted)]


def smaller_models(wanted: Recipe) -> list[str]:
    """The next two models to fall back to: further down, shorter rows are the better bargain."""
    found: list[str] = []
    name = wanted.model.smaller
    while name and len(found) < 2:
        found.append(name)
        described = yaml.safe_load((CONFIGS_DIR / "model" / f"{name}.yaml").read_text(encoding="utf-8"))
        name = described["model"].get("smaller")
    return found


def fits(wanted: Recipe) -> bool:
    """Whether the estimate leaves a margin in one accelerator's memory: a card's driver keeps some of its own."""
    return estimate.memory(wanted).total <= USABLE * wanted.hardware.memory_gb


def way_out(wanted: Recipe, overrides: list[str]) -> str:
    """The least change that makes it fit: one alone if one is enough, else two, else all; the cheapest first."""

    def tried(words: Sequence[list[str]]) -> tuple[Recipe, list[str]] | None:
        together = overrides
        for taken in words:
            together = recipes.merge_overrides(together, taken)
        try:
            return recipes.compose(wanted.recipe, together, run=wanted.run).recipe, together
        except UserError:
            return None

    known = [words for _, words in changes(wanted)]
    for taken in [*([words] for words in known), *itertools.combinations(known, 2), known]:
        found = tried(taken)
        if found and fits(found[0]):
            return f'SET="{" ".join(found[1])}" would fit ({estimate.memory(found[0]).total:.1f} GB)'
    return larger_machine(wanted) or "nothing here fits it: take a smaller model"


def larger_machine(wanted: Recipe) -> str | None:
    """The smallest single-accelerator machine of configs/hardware/ with room enough."""
    total = estimate.memory(wanted).total
    known = []
    for path in CONFIGS_DIR.glob("hardware/*.yaml"):
        machine = yaml.safe_load(path.read_text(encoding="utf-8"))["hardware"]
        if (
            machine.get("accelerator") == "cuda"
            and machine.get("devices", 1) == 1
            and USABLE * machine["memory_gb"] >= total
        ):
            known.append((machine["memory_gb"], machine["name"]))
    return f'SET="hardware={min(known)[1]}" has the memory' if known else None


def table(wanted: Recipe, overrides: list[str]) -> Table:
    """Everything there is to know before a run, one line each."""
    a, hardware = wanted.axolotl, wanted.hardware
    rows, tokens, source, expected = amount(wanted)
    shown = Table(
        show_header=False, title=f"{wanted.recipe}: {wanted.method} of {wanted.model.name} on {hardware.name}"
    )
    on_disk = base_model.is_on_disk(wanted)
    made_first = wanted.after and base_model.is_local_name(str(a["base_model"])) and not base_model.local_dir(wanted)
    here = f"made by {wanted.after}, which runs first" if made_first else "on this disk"
    size = here if on_disk else f"{estimate.download_gb(wanted):.1f} GB to download"
    gate = ", gated: accept it on the hub and set HF_TOKEN" if wanted.model.gated and not on_disk else ""
    shown.add_row("base model", f"{a['base_model']}, {size}; licence {wanted.model.licence}{gate}")
    shown.add_row("training rows", f"{rows:,} with {tokens:,} tokens ({source})" if rows else source)
    packed = "packed" if a.get("sample_packing") else "not packed"
    total = f"{expected.total:,}" if rows else "as many as there are batches"
    shown.add_row("steps", f"{total} of {expected.batch} rows, {a.get('num_epochs', 1)} epochs, {packed}")
    memory = estimate.memory(wanted)
    for name, value in vars(memory).items():
        shown.add_row(f"memory: {name}", f"{value:.2f} GB")
    total = f"{memory.total:.1f} of {hardware.memory_gb:g} GB"
    if shared := estimate.sharded_parts(wanted):
        shown.add_row("", f"{', '.join(shared)}: the share of one card, of {steps.process_count(wanted)}")
    if fits(wanted):
        shown.add_row("memory: total", f"{total}: fits")
    else:
        shown.add_row("memory: total", f"{total}: DOES NOT FIT")
        shown.add_row("what would", way_out(wanted, overrides))
    hours = estimate.hours(wanted, tokens) if rows else None
    if hours is not None:
        rented = hardware.usd_per_hour
        cost = f", {hours * rented:.2f} USD at {rented} an hour" if rented else ", hardware.usd_per_hour tells the cost"
        spoken = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
        shown.add_row("time", f"about {spoken} of training{cost}")
    parts = disk.needed_gb(wanted)
    free = free_gb()
    detail = ", ".join(f"{name} {value:.1f}" for name, value in parts.items() if value >= 0.05)
    enough = "" if sum(parts.values()) <= free else ": NOT ENOUGH"
    shown.add_row("disk", f"{sum(parts.values()):.1f} GB ({detail}); {free:.0f} GB free{enough}")
    return shown


def print_plan(recipe: Recipe, overrides: list[str]) -> None:
    """Print what a run will take. Raises UserError where the base model cannot be had or trained."""
    Console().print(table(recipe, overrides))
    problems = base_model.problems(recipe)
    try:
        base_model.check_hub(recipe)
    except UserError as error:
        problems += error.problems
    if problems:
        raise UserError(problems)
