"""Whether samples of the cognitive modes are short, balanced, free of filler and many enough; each with its fix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

# For full fine-tuning and for LoRA.
ENOUGH_FULL, ENOUGH_LORA = 5000, 1000
BALANCE = {"dual": 0.20, "emulation": 0.20, "agent": 0.10}

Metric = dict[str, Any]


def measure(samples: Sequence[tuple[str, str]], fillers: Sequence[str]) -> list[Metric]:
    """Metrics of (mode, reply) samples: each with value, target, status (green, amber, red) and what to do."""
    lengths = [len(reply.split()) for _, reply in samples]
    n = len(samples) or 1
    average = sum(lengths) / n
    short = sum(length <= 40 for length in lengths) / n
    long = sum(length > 100 for length in lengths) / n
    filler = sum(any(phrase.lower() in reply.lower() for phrase in fillers) for _, reply in samples) / n
    found = [
        _metric("average reply", average, "30 to 40 words", _band(average, 30, 40, red=lambda v: v > 60),
                "cut long replies at a sentence, or merge replies of a few words"),
        _metric("short replies", short, "over 80% of at most 40 words", _above(short, 0.8, 0.6),
                "split long memories, or leave the longest out"),
        _metric("long replies", long, "5 to 10% of more than 100 words", _band(long, 0.05, 0.10),
                "add a few long memories, or cut some"),
        _metric("filler", filler, "under 2%", _below(filler, 0.02, 0.05),
                "add the phrases to data.modes.fillers, or rewrite these replies"),
    ]  # fmt: skip
    for mode, least in BALANCE.items():
        share = sum(each == mode for each, _ in samples) / n
        fix = f"map more types to {mode} in data.modes.types, or add memories of it"
        found.append(_metric(f"share of {mode}", share, f"over {least:.0%}", _above(share, least, 0.05), fix))
    many = "green" if len(samples) >= ENOUGH_FULL else "amber" if len(samples) >= ENOUGH_LORA else "red"
    target = f"{ENOUGH_FULL:,} for full fine-tuning, {ENOUGH_LORA:,} for LoRA"
    found.append(_metric("samples", len(samples), target, many, "add memories; with fewer, train LoRA and stop early"))
    return found


def _metric(name: str, value: float, target: str, status: str, fix: str) -> Metric:
    shown = None if status == "green" else fix
    return {"name": name, "value": round(value, 4), "target": target, "status": status, "fix": shown}


def _above(value: float, green: float, red: float) -> str:
    return "green" if value > green else "red" if value < red else "amber"


def _below(value: float, green: float, red: float) -> str:
    return "green" if value < green else "red" if value > red else "amber"


def _band(value: float, low: float, high: float, red: Callable[[float], bool] = lambda _: False) -> str:
    return "green" if low <= value <= high else "red" if red(value) else "amber"
