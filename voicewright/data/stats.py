"""What `data/stats.json` says: the prompt's format, the splits, what was dropped, and the checks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from voicewright.data import control_tokens
from voicewright.data.assembly import Result
from voicewright.data.checks import curation, duplicates, health, mode_metrics, personal
from voicewright.data.expansion import Expanded
from voicewright.data.pieces import Piece, learnt_text, text_of
from voicewright.data.shapes.completion.modes import family
from voicewright.data.tokenizers import Counter as Tokens
from voicewright.recipe import steps
from voicewright.recipe.schema import Recipe

MOST_LISTED = 500


def gather(recipe: Recipe, result: Result) -> dict[str, Any]:
    """The whole of stats.json."""
    main = max(result.splits, key=lambda shape: sum(map(len, result.splits[shape].values())))
    everything = {name: [p for shape in result.splits.values() for p in shape[name]] for name in result.splits[main]}
    return {
        "format": _format(recipe, main, result),
        "splits": {name: summary(pieces) for name, pieces in everything.items()},
        "shapes": {
            shape: {name: summary(pieces) for name, pieces in splits.items()} for shape, splits in result.splits.items()
        },
        **({"synthetic": _synthetic(result.synthetic)} if result.synthetic else {}),
        "dropped": [asdict(drop) for drop in result.made.dropped[:MOST_LISTED]],
        "dropped_by_reason": _by_reason(result),
        "checks": _checks(recipe, result, everything),
    }


def _format(recipe: Recipe, main: str, result: Result) -> dict[str, Any]:
    shapes = {source.shape for source in recipe.data.sources.values()}
    systems = {s.system for s in recipe.data.sources.values() if s.row_shape == main and isinstance(s.system, str)}
    if "qa" in shapes and not systems:
        systems = {recipe.data.qa.persona}
    return {
        "shape": main,
        "prompt": "raw" if main == "completion" else "chat",
        "system": systems.pop() if len(systems) == 1 else None,
        "special_tokens": result.counter.specials if main == "completion" else 0,
        # Passages of prose end where they were cut; a sample of a mode is over where its family says so.
        "open_ended": {s.shape for s in recipe.data.sources.values() if s.row_shape == main} == {"completion"},
        "stop": family(recipe.data.modes.family).eos_token or None if "modes" in shapes else None,
    }


def summary(pieces: Sequence[Piece]) -> dict[str, int]:
    """Rows, words and tokens of one split."""
    return {
        "rows": len(pieces),
        "words": sum(len(learnt_text(piece.row).split()) for piece in pieces),
        "tokens": sum(piece.row["tokens"] for piece in pieces),
        "chapters": len({piece.unit for piece in pieces}),
        "works": len({piece.row["work"] for piece in pieces}),
    }


def _synthetic(made: Expanded) -> dict[str, Any]:
    """Rows beside those of the split train: how many, what wrote them, and what that took."""
    return {**summary(made.pieces), "by": made.by, **made.asked}


def _by_reason(result: Result) -> dict[str, dict[str, int]]:
    """Counts and words by reason, figures in a reason left out."""
    counts: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for drop in result.made.dropped:
        reason = re.sub(r"\d+", "n", drop.reason)
        counts[reason] += 1
        words[reason] += drop.words
    return {reason: {"times": counts[reason], "words": words[reason]} for reason in counts}


def _checks(recipe: Recipe, result: Result, everything: dict[Any, list[Piece]]) -> dict[str, Any]:
    texts = {piece.row["id"]: text_of(piece.row) for piece in result.pieces}
    prose = [piece for piece in result.pieces if piece.shape == "completion" and "section" in piece.row]
    known = duplicates.known_runs(text_of(piece.row) for piece in everything["train"])
    trained = everything["train"] + (result.synthetic.pieces if result.synthetic else [])
    checks: dict[str, Any] = {
        "bounds": _bounds(result),
        "tokens": histogram([piece.row["tokens"] for piece in result.pieces]),
        "training": training(recipe, [_trained_tokens(piece, result.counter) for piece in trained]),
        "split_by": ", ".join(sorted(set(result.kept_whole.values()))),
        "sources": _sources(recipe, result, everything),
        "duplicates": duplicates.pairs([(piece.row["id"], text_of(piece.row)) for piece in result.pieces])
        | {
            f"leaks_{name}": duplicates.leaks(known, {p.row["id"]: text_of(p.row) for p in everything[name]})
            for name in ("val", "heldout")
        },
        "health": health.look(texts, control_tokens.pattern(result.counter.control)),
        "personal": personal.by_row(texts),
    }
    if result.made.asked:
        checks["qa"] = result.made.asked
    if any(source.shape == "modes" for source in recipe.data.sources.values()):
        checks["modes"] = mode_metrics.measure(result.made.replies, recipe.data.modes.fillers)
    if prose:
        checks["curation"] = curation.report(prose, result.counter)
    return checks


def _bounds(result: Result) -> dict[str, Any]:
    exceptions = [
        {"id": p.row["id"], "source": p.row["source"], "tokens": p.row["tokens"], "reason": p.reason}
        for p in result.pieces
        if p.reason
    ]
    return {
        "min_tokens": result.low,
        "max_tokens": result.high,
        "exceptions": exceptions[:MOST_LISTED],
        "exceptions_in_all": len(exceptions),
    }


def histogram(tokens: Sequence[int], bins: int = 20) -> dict[str, Any]:
    """Tokens by row: counts between edges, total, mean, shortest and longest."""
    if not tokens:
        return {"edges": [], "counts": [], "total": 0}
    counts, edges = np.histogram(tokens, bins=bins)
    return {
        "edges": [round(float(edge), 1) for edge in edges],
        "counts": [int(count) for count in counts],
        "total": int(sum(tokens)),
        "mean": round(float(np.mean(tokens)), 1),
        "shortest": min(tokens),
        "longest": max(tokens),
    }


def _trained_tokens(piece: Piece, counter: Tokens) -> int:
    """Tokens of a row as it is trained on: a raw passage gets an end of text, a chat template has its own."""
    return int(piece.row["tokens"]) + (counter.specials if piece.shape == "completion" else 0)


def training(recipe: Recipe, lengths: Sequence[int]) -> dict[str, Any]:
    """Steps and packing to expect of training rows of so many tokens."""
    expected = steps.count_steps(recipe, lengths)
    capacity = steps.sequence_length(recipe)
    packs = steps.count_packs(lengths, capacity)
    return {
        "rows": len(lengths),
        "batch": expected.batch,
        "steps_an_epoch": expected.per_epoch,
        "steps": expected.total,
        "packing": bool(recipe.axolotl.get("sample_packing")),
        "packs": packs,
        "rows_a_pack": round(len(lengths) / packs, 2) if packs else 0,
        "pack_fill": round(sum(lengths) / (packs * capacity), 3) if packs else 0,
    }


def _sources(recipe: Recipe, result: Result, everything: dict[Any, list[Piece]]) -> dict[str, Any]:
    made, drawn = (Counter(p.source for p in pieces) for pieces in (result.pieces, everything["train"]))
    files = Counter(file.source for file in result.files)
    return {
        name: {
            "path": result.paths[name],
            "shape": s.shape,
            "weight": s.weight,
            "files": files[name],
            "rows": made[name],
            "training_rows": drawn[name],
        }
        for name, s in recipe.data.sources.items()
    }
