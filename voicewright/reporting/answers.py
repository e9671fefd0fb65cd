"""Two kinds of row that ask for more than a voice: samples of modes, and pairs of replies."""

from __future__ import annotations

from collections.abc import Mapping

from voicewright.core import labels
from voicewright.core.documents.generation import ModeTags, PreferenceMargins
from voicewright.core.rows import MODE_TAGS
from voicewright.reporting.blocks import Cell, Row, Section, Table, capitalised, format_number, format_percent


def mode_tags_section(arms: Mapping[str, ModeTags]) -> Section | None:
    """How often each arm answers in the tags of the prompt's mode; None where the rows are no samples of modes."""
    if not arms:
        return None
    names = {mode: f"{mode}: {question} and {answer}" for mode, (question, answer) in MODE_TAGS.items()}
    rows: list[Row] = [
        [name, *(format_percent(tags.held[mode]) for tags in arms.values())]
        for mode, name in {**names, "all": "all modes"}.items()
        if any(tags.held[mode].value is not None for tags in arms.values())
    ]
    caption = (
        "Each held-out sample was cut before its answer and sent to the models several times. An answer counts if it "
        "opens with the tag of its mode, closes it, and has no tag of another mode before that."
    )
    header: list[Cell] = ["Mode", *(capitalised(labels.arm(arm)) for arm in arms)]
    return Section("Mode tags", [], [Table(caption, header, rows, "From tags/, stage generate")])


def preferences_section(arms: Mapping[str, PreferenceMargins]) -> Section | None:
    """Which reply of held-out pairs each arm finds likelier; None where the rows are no pairs."""
    if not arms:
        return None
    rows: list[Row] = []
    for name, accuracies, margins in (
        ("pairs whose better reply is likelier (accuracy)",
         [each.accuracy for each in arms.values()], [each.margin_nats for each in arms.values()]),
        ("pairs whose better reply gained more against the base model (reward accuracy)",
         [each.reward_accuracy for each in arms.values()], [each.reward_margin_nats for each in arms.values()]),
    ):  # fmt: skip
        if any(accuracies):
            rows.append([name, *map(format_percent, accuracies)])
            rows.append(["mean margin in nats", *(format_number(margin, 2) for margin in margins)])
    caption = (
        f"{max(each.pairs for each in arms.values())} pairs of a better and a worse reply were held out. A model that "
        "has learnt the preference finds the better reply likelier; a margin of 0.7 nats is twice as likely."
    )
    header: list[Cell] = ["Measure", *(capitalised(labels.arm(arm)) for arm in arms)]
    table = Table(caption, header, rows, "From preferred/, stage generate")
    return Section("Preferred replies", [], [table])
