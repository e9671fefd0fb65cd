"""Whether the accelerators have the memory free that a recipe asks for, before minutes go into loading a model."""

from __future__ import annotations

import subprocess

from voicewright.errors import UserError
from voicewright.schema import Recipe

QUERY = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
MIB, GB = 2**20, 1e9


def free_gb() -> list[float]:
    """Free memory of each NVIDIA card in GB; empty where nvidia-smi does not answer."""
    try:
        said = subprocess.run(QUERY, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [int(line) * MIB / GB for line in said.splitlines() if line.strip().isdigit()]


def check(recipe: Recipe) -> None:
    """Raise UserError if a card that training would use has less free than `hardware.free_gb`."""
    needed = recipe.hardware.free_gb
    if needed is None or recipe.hardware.accelerator != "cuda":
        return
    found = free_gb()[: recipe.hardware.devices]
    short = [f"card {n}: {free:.1f} GB free" for n, free in enumerate(found) if free < needed]
    if short:
        smaller = f'SET="model={recipe.model.smaller}"' if recipe.model.smaller else "a smaller model"
        raise UserError(
            [f"{recipe.model.name} needs {needed:g} GB free before it is loaded:", *(f"  {line}" for line in short)],
            mend=f"close what else is on the card (nvidia-smi lists it), `make stop`, or {smaller}",
        )
