"""Which chapters or works are trained on, evaluated on and held out: whole ones, never a part."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Literal

Split = Literal["train", "val", "heldout"]
SPLITS: tuple[Split, ...] = ("train", "val", "heldout")


def draw(words: Mapping[str, int], share: float, seed: int, leave: int = 1) -> set[str]:
    """Units whose words come close to `share` of all, at least one; the same for the same seed.

    At least `leave` units stay undrawn, if need be all.
    """
    if len(words) <= leave:
        return set()
    target = share * sum(words.values())
    order = sorted(words)
    random.Random(seed).shuffle(order)  # noqa: S311 - a draw to be repeated, not a secret
    drawn: set[str] = set()
    taken = 0
    for unit in order:
        if len(drawn) + leave < len(words) and abs(taken + words[unit] - target) < abs(taken - target):
            drawn.add(unit)
            taken += words[unit]
    return drawn or {min(order, key=lambda unit: abs(words[unit] - target))}


def assign(words: Mapping[str, int], val_share: float, heldout_share: float, seed: int) -> dict[str, Split]:
    """A split for each unit (words by unit): held-out first, then validation, the rest trains."""
    heldout = draw(words, heldout_share, seed, leave=2)
    rest = {unit: n for unit, n in words.items() if unit not in heldout}
    left = sum(rest.values()) or 1
    val = draw(rest, min(0.5, val_share * sum(words.values()) / left), seed + 1)
    return {unit: "heldout" if unit in heldout else "val" if unit in val else "train" for unit in words}
