"""Splits of whole chapters or works, sources mixed by weight, and rows taken out of training."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from voicewright.core.documents.stats import Drop
from voicewright.core.errors import UserError
from voicewright.data.shapes.base import PreparedRow
from voicewright.recipe.schema import Data

Split = Literal["train", "val", "heldout"]
SPLITS: tuple[Split, ...] = ("train", "val", "heldout")

# From this many works on, one is held out whole; with two, half the material would be lost to training.
MIN_WORKS_TO_HOLD_ONE_OUT = 3
# A single chapter may hold a third of a book; with fewer chapters, scenes are split, and the stats name them.
MIN_UNITS = 3


def split(rows: list[PreparedRow], data: Data) -> tuple[dict[Split, list[PreparedRow]], str]:
    """Rows by split, and what the split keeps whole: works, chapters (or threads), scenes or passages.

    Raises UserError when the material is too little to hold anything out.
    """
    works = _words((str(row.row.work), row) for row in rows)
    units = _words((row.unit, row) for row in rows)
    by_work = data.split == "work" or (data.split == "auto" and len(works) >= MIN_WORKS_TO_HOLD_ONE_OUT)
    split_of: dict[str, Split]
    if by_work and len(works) >= 2 and len(units) >= MIN_UNITS:
        heldout = draw(works, data.heldout_share, data.seed)
        others = _words((row.unit, row) for row in rows if row.row.work not in heldout)
        split_of = _with_validation(others, data.val_share * sum(units.values()), data.seed)
        split_of |= {unit: "heldout" for unit in units if unit not in others}
        keys = [row.unit for row in rows]
        wholes = f"works (held out) and {_name_of_units(rows)} (validated)"
    else:
        keys, wholes = _largest_wholes(rows, units)
        words = _words(zip(keys, rows, strict=True))
        if len(words) < MIN_UNITS:
            raise UserError(
                f"the sources make {len(rows)} row(s): too few to train on, evaluate and hold out",
                hint="give more material, or lower data.max_tokens",
            )
        split_of = assign(words, data.val_share, data.heldout_share, data.seed)
    splits: dict[Split, list[PreparedRow]] = {name: [] for name in SPLITS}
    for key, row in zip(keys, rows, strict=True):
        splits[split_of[key]].append(row)
    return splits, wholes


def assign(words: Mapping[str, int], val_share: float, heldout_share: float, seed: int) -> dict[str, Split]:
    """A split for each unit (words by unit): held-out first, then validation, the rest trains."""
    heldout = draw(words, heldout_share, seed, leave=2)
    others = {unit: count for unit, count in words.items() if unit not in heldout}
    split_of: dict[str, Split] = {unit: "heldout" if unit in heldout else "train" for unit in words}
    return split_of | _with_validation(others, val_share * sum(words.values()), seed)


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
    total = 0
    for unit in order:
        if len(drawn) + leave < len(words) and abs(total + words[unit] - target) < abs(total - target):
            drawn.add(unit)
            total += words[unit]
    return drawn or {min(order, key=lambda unit: abs(words[unit] - target))}


def remove_repeats(splits: dict[Split, list[PreparedRow]]) -> list[Drop]:
    """Remove rows from training that are validated or held out word for word, and from validation that are held out."""
    dropped: list[Drop] = []
    known: set[str] = set()
    for name in reversed(SPLITS):
        repeated = [row for row in splits[name] if row.row.id in known]
        splits[name] = [row for row in splits[name] if row.row.id not in known]
        known |= {row.row.id for row in splits[name]}
        reason = f"the row is in another split too; taken out of {name}"
        dropped += [Drop(source=row.row.source, reason=reason, words=row.trained_words) for row in repeated]
    return dropped


def mix(rows: list[PreparedRow], weights: Mapping[str, float], seed: int) -> list[PreparedRow]:
    """Each source's rows `weight` times: whole rounds first, then a drawn share of a last one; the order stays."""
    by_source: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        by_source.setdefault(row.source, []).append(i)
    drawn: list[int] = []
    for source, indices in by_source.items():
        count = max(1, round(weights.get(source, 1.0) * len(indices)))
        rounds, rest = divmod(count, len(indices))
        drawn += indices * rounds + random.Random(f"{seed} {source}").sample(indices, rest)
    return [rows[i] for i in sorted(drawn)]


def limit(rows: list[PreparedRow], max_rows: int, seed: int) -> tuple[list[PreparedRow], list[Drop]]:
    """At most `max_rows` rows, drawn over all sources, in their order; the others are one entry of what was dropped."""
    if len(rows) <= max_rows:
        return rows, []
    drawn = [rows[i] for i in sorted(random.Random(f"{seed} rows").sample(range(len(rows)), max_rows))]
    words = sum(row.trained_words for row in rows) - sum(row.trained_words for row in drawn)
    reason = f"data.max_rows {max_rows}: {len(rows) - max_rows} rows are left for the real run"
    return drawn, [Drop(source="all sources", reason=reason, words=words)]


def _with_validation(words: Mapping[str, int], target: float, seed: int) -> dict[str, Split]:
    val = draw(words, min(0.5, target / (sum(words.values()) or 1)), seed + 1)
    return {unit: "val" if unit in val else "train" for unit in words}


def _largest_wholes(rows: list[PreparedRow], units: Mapping[str, int]) -> tuple[list[str], str]:
    """The key of each row's whole, and the name of the wholes: the largest of which there are enough."""
    if len(units) >= MIN_UNITS:
        return [row.unit for row in rows], _name_of_units(rows)
    parts = [row.part for row in rows]
    prose = all(row.shape == "completion" for row in rows)
    if len(set(parts)) >= MIN_UNITS or not prose:
        return parts, "scenes" if prose else "exchanges"
    return [str(i) for i in range(len(rows))], "passages"


def _name_of_units(rows: list[PreparedRow]) -> str:
    return "chapters" if any(row.row.section is not None for row in rows) else "threads"


def _words(pairs: Iterable[tuple[str, PreparedRow]]) -> Counter[str]:
    words: Counter[str] = Counter()
    for key, row in pairs:
        words[key] += max(1, row.trained_words)
    return words
