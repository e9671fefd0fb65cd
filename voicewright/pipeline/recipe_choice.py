"""Which recipe fits a material and a machine: two tables, and a few sums.

Ways: what each kind of material is made into, after the shipped recipe that does the same.
Machines: the largest model with a free licence that trains and is served on a card with room to spare.
tests/prepare/test_new.py holds every row of both against the memory that `make plan` expects.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import NamedTuple

import psutil
import yaml

from voicewright.core import environments
from voicewright.core.gpus import Card
from voicewright.core.paths import CONFIGS_DIR
from voicewright.data.material import TOKENS_PER_WORD, Kind, Material


class Way(NamedTuple):
    """What is made of a kind of material."""

    shape: str
    data: str
    eval: str
    like: str
    """The shipped recipe, and its page."""
    why: str
    unit: str
    fewest: int
    """Of the unit: less cannot be trained on, held out and measured by."""
    enough: int
    """Of the unit: from here on more is no longer what a run lacks first."""
    longest: int
    """Tokens of a row, whatever the card could hold."""


WAYS: dict[Kind, Way] = {
    "prose": Way("completion", "manuscript", "narrative_voice", "visions",
                 "the model learns to go on writing, from your passages as they are", "words", 5_000, 50_000, 4096),
    "pdf": Way("qa", "qa", "essays", "peterson",
               "a model asks questions that your passages answer", "words", 5_000, 50_000, 1024),
    "chats": Way("chat", "chat", "conversation", "brie",
                 "one speaker's turns are learnt, the others' are what they answer", "conversations", 30, 500, 4096),
    "instructions": Way("instruction", "chat", "instruction", "freethought",
                        "the answers are learnt, the questions are not", "instructions", 60, 1_000, 2048),
    "pairs": Way("preference", "preference", "instruction", "freethought_dpo",
                 "the model learns to prefer the chosen reply (DPO)", "pairs", 40, 1_000, 2048),
    "memories": Way("modes", "modes", "modes", "modes",
                    "each memory is a sample of one of three modes", "memories", 40, 1_000, 2048),
}  # fmt: skip


class Machine(NamedTuple):
    """What a card of at least so many GB can train, and serve afterwards."""

    at_least_gb: float
    model: str
    method: str
    longest: int


MACHINES = (
    Machine(80, "qwen3_14b", "lora", 4096),
    Machine(48, "qwen3_14b", "qlora", 4096),
    Machine(32, "qwen2_5_7b", "lora", 4096),
    Machine(24, "qwen2_5_7b", "qlora", 4096),
    Machine(16, "phi_3_mini", "lora", 4096),
    Machine(12, "phi_3_mini", "qlora", 4096),
    Machine(0, "qwen2_5_0_5b", "lora", 1024),
)
WITHOUT_A_CARD = Machine(0, "tiny", "qlora", 512)
# A card tells a little less than its name: 24,564 MiB of 24 GB, 15,360 MiB of 16.
NAME = 0.9

LENGTHS = (512, 1024, 2048, 4096)
FEWEST_ROWS = 32
# Passages are cut between an eighth of the longest and the longest.
SHORTEST = 8
MEAN = (1 + 1 / SHORTEST) / 2


class Fit(NamedTuple):
    """A way, a machine, and the figures between them."""

    way: Way
    model: str
    method: str
    hardware: str
    serve: str
    seen: str
    """The machine, for people."""
    memory_gb: int | None
    """Where it is not what the file of configs/hardware/ says."""
    sequence_len: int
    accumulation: int


def fit(material: Material, cards: Sequence[Card]) -> Fit:
    """What fits the material on the largest of these cards, or without one."""
    way = WAYS[material.kind]
    hardware, gb, seen = machine(cards)
    # DPO keeps the base in 16 bits, as LoRA does.
    known = [row for row in MACHINES if material.kind != "pairs" or row.method == "lora"]
    chosen = next(row for row in known if gb >= NAME * row.at_least_gb) if gb else WITHOUT_A_CARD
    length = row_length(material, min(chosen.longest, way.longest))
    method = "dpo" if material.kind == "pairs" else chosen.method
    serve = "external" if hardware == "apple" else "vllm"
    steps_of = accumulation(rows(material, length))
    return Fit(way, chosen.model, method, hardware, serve, seen, memory_gb(hardware, gb), length, steps_of)


def machine(cards: Sequence[Card]) -> tuple[str, float, str]:
    """The file of configs/hardware/ for this machine, its card's GB (0 without one), and what was seen."""
    memory = psutil.virtual_memory().total / 2**30
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        # Half of it is everybody else's, and it trains in 32 bits where the table's cards take 16.
        return "apple", memory / 4, f"an Apple computer with {memory:.0f} GB"
    if environments.accelerator() == "cpu":
        return "cpu", 0, f"no GPU, {psutil.cpu_count()} cores, {memory:.0f} GB of memory"
    if not cards:
        return "gpu_12gb", 12, "a GPU of unknown memory: nvidia-smi does not tell it"
    largest = max(cards, key=lambda card: card.total)
    gb = largest.total / 2**30
    fitting = [(size, name) for size, name in single_cards() if gb >= NAME * size] or [min(single_cards())]
    others = f" (one of {len(cards)})" if len(cards) > 1 else ""
    return max(fitting)[1], gb, largest.told + others


def memory_gb(hardware: str, gb: float) -> int | None:
    """The memory to name in the recipe: of a card smaller than any that has a file, and of an Apple computer."""
    if hardware == "apple":
        return round(2 * gb)
    return round(gb) if gb and gb < NAME * min(single_cards())[0] else None


def single_cards() -> list[tuple[float, str]]:
    """GB and name of every file of configs/hardware/ for one NVIDIA card."""
    described = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in CONFIGS_DIR.glob("hardware/*.yaml")]
    found = [each["hardware"] for each in described]
    return [(h["memory_gb"], h["name"]) for h in found if h.get("accelerator") == "cuda" and h.get("devices", 1) == 1]


def row_length(material: Material, most: int) -> int:
    """Tokens of a row: passages as long as leaves enough of them; others long enough for nearly every one."""
    lengths = [length for length in LENGTHS if length <= most]
    if material.kind in ("prose", "pdf"):
        return max([length for length in lengths if rows(material, length) >= FEWEST_ROWS] or lengths[:1])
    long = sorted(material.parts)[int(0.95 * (len(material.parts) - 1))] * TOKENS_PER_WORD
    return next((length for length in lengths if length >= 1.2 * long), lengths[-1])


def rows(material: Material, length: int) -> int:
    """About how many rows the material makes."""
    in_passages = material.kind in ("prose", "pdf")
    return round(material.tokens / (MEAN * length)) if in_passages else len(material.parts)


def accumulation(rows: int) -> int:
    """Rows of a step: few rows must make more of smaller steps."""
    return 8 if rows >= 400 else 4 if rows >= 100 else 2
