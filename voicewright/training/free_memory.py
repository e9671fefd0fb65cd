"""Whether the accelerators have the memory free that a recipe asks for, before minutes go into loading a model."""

from __future__ import annotations

from voicewright.core.errors import UserError
from voicewright.core.gpus import cards
from voicewright.recipe.schema import Recipe

GB = 1e9


def check(recipe: Recipe) -> None:
    """Raise UserError if a card that training would use has less free than `hardware.free_gb`."""
    needed = recipe.hardware.free_gb
    if needed is None or recipe.hardware.accelerator != "cuda":
        return
    found = [card.free / GB for card in cards()[: recipe.hardware.devices]]
    short = [f"card {n}: {free:.1f} GB free" for n, free in enumerate(found) if free < needed]
    if short:
        smaller = f'SET="model={recipe.model.smaller}"' if recipe.model.smaller else "a smaller model"
        raise UserError(
            [f"{recipe.model.name} needs {needed:g} GB free before it is loaded:", *(f"  {line}" for line in short)],
            hint=f"close what else is on the card (nvidia-smi lists it), `make stop`, or {smaller}",
        )
