"""Bradley-Terry strengths: one scale for more than two arms that met in pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voicewright.core.errors import UserError
from voicewright.stats.intervals import Floats

Meeting = tuple[str, str, float]


def bradley_terry(meetings: Sequence[Meeting], tolerance: float = 1e-12, limit: int = 100_000) -> dict[str, float]:
    """Strengths that sum to 1; P(a beats b) = strength a / (strength a + strength b).

    `meetings` are (a, b, score of a): 1 won, 0 lost, 0.5 tied, which counts as half a win each.
    Minorisation-maximisation after Hunter (2004). Raises UserError where the arms are not connected
    by wins in both directions, since no finite maximum exists then.
    """
    names = sorted({name for a, b, _ in meetings for name in (a, b)})
    index = {name: k for k, name in enumerate(names)}
    wins = np.zeros((len(names), len(names)))
    for a, b, score in meetings:
        wins[index[a], index[b]] += score
        wins[index[b], index[a]] += 1 - score
    if not _connected(wins):
        raise UserError(f"no Bradley-Terry strengths: among {', '.join(names)} some arm never won or never lost")
    meetings_of, wins_of = wins + wins.T, wins.sum(axis=1)
    strength = np.full(len(names), 1 / len(names))
    for _ in range(limit):
        new = wins_of / (meetings_of / (strength[:, None] + strength[None, :])).sum(axis=1)
        new /= new.sum()
        if np.max(np.abs(new - strength)) < tolerance * np.max(new):
            return dict(zip(names, new.tolist(), strict=True))
        strength = new
    return dict(zip(names, strength.tolist(), strict=True))


def _connected(wins: Floats) -> bool:
    """Whether every arm can be reached from every other along wins."""
    reach = (wins > 0) | np.eye(len(wins), dtype=bool)
    for _ in range(max(1, len(wins).bit_length())):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    return bool(reach.all())
