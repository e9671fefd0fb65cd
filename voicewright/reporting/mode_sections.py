"""What the report says of the two kinds of row that ask for more than a voice: modes, and pairs of replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from voicewright.core import labels as names
from voicewright.core.rows import MODE_TAGS
from voicewright.reporting.blocks import Section, Table, capital, number, percent


def tags_section(arms: Mapping[str, Any]) -> Section | None:
    """How often each mode was answered in its own tags; None where the rows are no modes."""
    if not arms:
        return None
    held = {arm: found["held"] for arm, found in arms.items()}
    labels = {mode: f"{mode}: {asked} and {answered}" for mode, (asked, answered) in MODE_TAGS.items()}
    rows: list[list[str | Markup]] = [
        [label, *(percent(each[mode]) for each in held.values())]
        for mode, label in {**labels, "all": "all of them"}.items()
        if any(each[mode]["value"] is not None for each in held.values())
    ]
    words = (
        "Each held-out memory was cut before its answer and put to the models a few times. An answer holds if it opens "
        "with the tag of its mode, closes it, and shows no tag of another mode before that."
    )
    head: list[str | Markup] = ["Mode", *(capital(names.arm(arm)) for arm in held)]
    return Section("Is each mode answered in its tags?", [], [Table(words, head, rows, "From tags/, stage generate")])


def preferred_section(arms: Mapping[str, Any]) -> Section | None:
    """Which reply of held-out pairs is likelier, before and after; None where the rows are no pairs."""
    if not arms:
        return None
    rows: list[list[str | Markup]] = []
    for prefix, likelier in (
        ("", "pairs whose better reply is the likelier one"),
        ("reward_", "pairs in which the better reply gained on the other, against the base"),
    ):
        shares = [found.get(f"{prefix}accuracy") for found in arms.values()]
        if any(shares):
            rows.append([likelier, *(percent(share) if share else "-" for share in shares)])
            margins = [number(found.get(f"{prefix}margin_nats"), 2) for found in arms.values()]
            rows.append(["by how many nats, on average", *margins])
    pairs = max(found["pairs"] for found in arms.values())
    words = (
        f"{pairs} pairs of a better and a worse reply were held out. A model that has learnt the preference finds the "
        "better one likelier; by 0.7 nats is twice as likely."
    )
    head: list[str | Markup] = ["What", *(capital(names.arm(arm)) for arm in arms)]
    table = Table(words, head, rows, "From preferred/, stage generate")
    return Section("Which reply does it prefer?", [], [table])
