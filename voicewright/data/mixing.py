"""Sources mixed by weight: how often each one's training rows are drawn."""

from __future__ import annotations

import random
from collections.abc import Mapping

from voicewright.data.document import Drop
from voicewright.data.pieces import Piece, learnt_text


def draw(pieces: list[Piece], weights: Mapping[str, float], seed: int) -> list[Piece]:
    """Each source's pieces `weight` times: whole rounds first, then a drawn share of a last one; order is kept."""
    by_source: dict[str, list[int]] = {}
    for i, piece in enumerate(pieces):
        by_source.setdefault(piece.source, []).append(i)
    drawn: list[int] = []
    for source, indices in by_source.items():
        wanted = max(1, round(weights.get(source, 1.0) * len(indices)))
        rounds, rest = divmod(wanted, len(indices))
        drawn += indices * rounds + random.Random(f"{seed} {source}").sample(indices, rest)
    return [pieces[i] for i in sorted(drawn)]


def few(pieces: list[Piece], most: int, seed: int) -> tuple[list[Piece], list[Drop]]:
    """At most `most` of the pieces, drawn over all sources, in their order; what is left out as one entry."""
    if len(pieces) <= most:
        return pieces, []
    drawn = sorted(random.Random(f"{seed} rows").sample(range(len(pieces)), most))
    kept = [pieces[i] for i in drawn]
    words = sum(len(learnt_text(piece.row).split()) for piece in pieces)
    words -= sum(len(learnt_text(piece.row).split()) for piece in kept)
    reason = f"data.max_rows {most}: {len(pieces) - most} rows are left for the real run"
    return kept, [Drop("all sources", reason, words)]
