"""Which chapters or works are trained on, evaluated on and held out: whole ones, never a part."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from voicewright.core.errors import UserError
from voicewright.data.document import Drop
from voicewright.data.pieces import Piece, learnt_text
from voicewright.recipe.schema import Data

Split = Literal["train", "val", "heldout"]
SPLITS: tuple[Split, ...] = ("train", "val", "heldout")

# From this many works on, one is held out whole; with two, half the material would be lost to training.
WORKS_HELD_OUT_WHOLE = 3
# A single chapter may hold a third of a book; then scenes keep the shares, and the split says so.
FEWEST_UNITS = 3


def draw(words: Mapping[str, int], share: float, seed: int, leave: int = 1) -> set[str]:
    """Units whose words come close to `share` of all, at least one; the same for the same seed.

    At least `leave` units stay undrawn, if need be all.
    """
    if len(words) <= leave:
        return set()
    target = share * sum(words.values())
    order = sorted(words)
    random.Random(seed).shuffle(order)
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
    return {unit: "heldout" if unit in heldout else "train" for unit in words} | _validated(
        {unit: n for unit, n in words.items() if unit not in heldout}, val_share * sum(words.values()), seed
    )


def _validated(words: Mapping[str, int], target: float, seed: int) -> dict[str, Split]:
    val = draw(words, min(0.5, target / (sum(words.values()) or 1)), seed + 1)
    return {unit: "val" if unit in val else "train" for unit in words}


def split(pieces: list[Piece], data: Data) -> tuple[dict[Split, list[Piece]], str]:
    """Pieces by split, and what was kept whole: works, chapters (or threads), scenes or passages.

    Raises UserError when the material is too little to hold anything out.
    """
    works = _words((piece.row["work"], piece) for piece in pieces)
    units = _words((piece.unit, piece) for piece in pieces)
    by_work = data.split == "work" or (data.split == "auto" and len(works) >= WORKS_HELD_OUT_WHOLE)
    drawn: dict[str, Split]
    if by_work and len(works) >= 2 and len(units) >= FEWEST_UNITS:
        heldout = draw(works, data.heldout_share, data.seed)
        rest = _words((piece.unit, piece) for piece in pieces if piece.row["work"] not in heldout)
        drawn = _validated(rest, data.val_share * sum(units.values()), data.seed)
        keys = [piece.unit for piece in pieces]
        kept = f"works (held out) and {_name(pieces)} (validated)"
        drawn |= {unit: "heldout" for unit in units if unit not in rest}
    else:
        keys, kept = _whole(pieces, units)
        words = _words(zip(keys, pieces, strict=True))
        if len(words) < FEWEST_UNITS:
            raise UserError(
                f"the sources make {len(pieces)} row(s): too few to train on, evaluate and hold out",
                hint="give more material, or lower data.max_tokens",
            )
        drawn = assign(words, data.val_share, data.heldout_share, data.seed)
    found: dict[Split, list[Piece]] = {name: [] for name in SPLITS}
    for key, piece in zip(keys, pieces, strict=True):
        found[drawn[key]].append(piece)
    return found, kept


def take_out_repeats(splits: dict[Split, list[Piece]]) -> list[Drop]:
    """Take out of training what is also validated or held out word for word, and out of validation what is held out."""
    dropped: list[Drop] = []
    known: set[str] = set()
    for name in reversed(SPLITS):
        repeated = [piece for piece in splits[name] if piece.row["id"] in known]
        splits[name] = [piece for piece in splits[name] if piece.row["id"] not in known]
        known |= {piece.row["id"] for piece in splits[name]}
        reason = f"the row is in another split too; taken out of {name}"
        dropped += [Drop(piece.row["source"], reason, len(learnt_text(piece.row).split())) for piece in repeated]
    return dropped


def _whole(pieces: list[Piece], units: Mapping[str, int]) -> tuple[list[str], str]:
    """The largest wholes there are enough of."""
    if len(units) >= FEWEST_UNITS:
        return [piece.unit for piece in pieces], _name(pieces)
    parts = [piece.part for piece in pieces]
    prose = all(piece.shape == "completion" for piece in pieces)
    if len(set(parts)) >= FEWEST_UNITS or not prose:
        return parts, "scenes" if prose else "exchanges"
    return [str(i) for i in range(len(pieces))], "passages"


def _name(pieces: list[Piece]) -> str:
    return "chapters" if any("section" in piece.row for piece in pieces) else "threads"


def _words(pairs: Iterable[tuple[str, Piece]]) -> Counter[str]:
    words: Counter[str] = Counter()
    for key, piece in pairs:
        words[key] += max(1, len(learnt_text(piece.row).split()))
    return words
