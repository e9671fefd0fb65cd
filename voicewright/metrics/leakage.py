"""Leakage: whether the voice comes where nobody asked for it, in answers outside the author's field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voicewright.core.records import Row
from voicewright.metrics import samples, transfer
from voicewright.metrics.material import Material
from voicewright.metrics.samples import BASE
from voicewright.stylometry import passages


def percent_of_the_way(material: Material, arms: Mapping[str, Sequence[Row]], order: Sequence[str]) -> dict[str, Any]:
    """How far answers outside the author's field moved towards the author, on the scale of transfer."""
    found, heldout = transfer.distances(material)
    base = found.get(BASE)
    texts = {arm: samples.by_prompt(rows, in_field=False) for arm, rows in arms.items()}
    if base is None or not texts.get(BASE) or material.too_little():
        return {}
    # Their length is their own, so base and arm are compared with each other, on the gap measured in the field.
    gap, size = float(base[0] - heldout[0]), material.author.size
    means: dict[str, float] = {}
    for arm, answers in texts.items():
        joined = "\n\n".join("\n\n".join(answers.get(prompt, [])) for prompt in order)
        if passages.length(joined) >= size:
            table = material.author.profile.space.vocabulary.table(
                [passage.plain for passage in passages.cut(joined, size)]
            )
            means[arm] = float(material.author.profile.distances(table, size).mean())
    if BASE not in means or gap <= 0:
        return {}
    return {
        arm: {"percent_of_the_way": 100.0 * (means[BASE] - value) / gap} for arm, value in means.items() if arm != BASE
    }
