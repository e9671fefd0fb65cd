"""What a good voice may cost: training text learnt by heart, and abilities of the base model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from voicewright.core import labels
from voicewright.core.documents.voice_report import (
    AbilityFigure,
    CopyCounts,
    Copying,
    Forgetting,
    Leakage,
    TaskComparison,
    TaskFigure,
    VoiceReport,
)
from voicewright.reporting.blocks import Block, Cell, Row, Section, Table, format_figure, format_interval, format_number
from voicewright.reporting.plots import interval_strip, strip_axis
from voicewright.reporting.similarity import plotted_arm

# A longer table of spans is folded.
MAX_OPEN_SPANS = 5


def memorization_section(report: VoiceReport, source: str) -> Section:
    """Copied spans by where they come from, the voice without them, and the spans themselves."""
    arms = labels.ordered(report.arms)
    blocks: list[Block] = [_copy_counts(report.copying, arms), _voice_without_copies(report, arms)]
    spans = _spans(report.copying)
    if spans:
        caption = "The longest copied spans, each with the place in the author's text that holds it."
        header: list[Cell] = ["Model's text", "Model", "Words", "Author's text"]
        title = f"Copied spans ({len(spans)})"
        blocks.append(Table(caption, header, spans, source, title, folded=len(spans) > MAX_OPEN_SPANS))
    return Section("Memorization", [report.copying.definition], blocks)


def _copy_counts(copying: Copying, arms: Sequence[str]) -> Table:
    prefixes = copying.training_prefixes.arms if copying.training_prefixes else {}
    by_kind: list[tuple[str, Mapping[str, CopyCounts], CopyCounts | None]] = [
        ("With the training text", {arm: each.training for arm, each in copying.arms.items()}, copying.author),
        ("With the held-out text", {arm: each.heldout for arm, each in copying.arms.items()}, None),
        ("With the training text, when asked to continue it", prefixes, None),
    ]
    rows: list[Row] = [
        [kind, *(_counts(by_arm.get(arm)) for arm in arms), _counts(author)]
        for kind, by_arm, author in by_kind
        if by_arm
    ]
    caption = (
        "The longest span shared with the author's text, the share of words in such spans, and the share of answers "
        "with a flagged one. The base model never read the author, so its spans are common phrases. The last column is "
        "what the author's own held-out text shares with the training text. Held-out text can be copied only if it was "
        "in the training data after all."
    )
    return Table(caption, ["Shared spans", *map(labels.arm, arms), labels.AUTHOR], rows)


def _counts(counts: CopyCounts | None) -> str:
    if counts is None:
        return "-"
    flagged = format_number(counts.generations_flagged_percent, 1)
    long, longer = counts.spans_over_10, counts.spans_over_20
    return (
        f"{counts.longest_words} words\n{format_number(counts.coverage_percent, 1)}% of the words; "
        f"{flagged}% of {counts.generations:,} answers flagged"
        + (f"; {long:,} spans over 10 words, {longer:,} over 20" if long else "")
    )


def _voice_without_copies(report: VoiceReport, arms: Sequence[str]) -> Table:
    without = report.copying.transfer_without_copies
    rows: list[Row] = []
    for arm in arms:
        transfer = report.figure("transfer", arm)
        unchanged = "unchanged: no span over 10 words" if transfer and transfer.value is not None else "-"
        score = format_figure(without[arm], 0) if arm in without else unchanged
        rows.append([labels.arm(arm), format_figure(transfer, 0), score])
    caption = (
        "A model that repeats the author sounds like the author. Voice transfer is therefore measured again after "
        "every copied span over 10 words was cut from the answers: a voice that is not memorized keeps its score."
    )
    return Table(
        caption, ["Text", "Voice transfer", "Without copied spans"], rows, title="Voice transfer without copied spans"
    )


def _spans(copying: Copying) -> list[Row]:
    shown = [{arm: each.shown for arm, each in copying.arms.items()}]
    if copying.training_prefixes:
        shown.append({arm: each.shown for arm, each in copying.training_prefixes.arms.items()})
    return [
        [span.text, labels.arm(arm), str(span.words), "\n".join(filter(None, [span.author_text, span.source]))]
        for by_arm in shown
        for arm in labels.ordered(by_arm)
        for span in by_arm[arm]
    ]


def forgetting_section(report: VoiceReport, source: str) -> Section | None:
    """What became of the base model's abilities, and of the voice where nobody asks for it; None if not measured."""
    forgetting = report.forgetting
    blocks = [*_abilities(forgetting), *_leakage(forgetting.leakage), *_tasks(forgetting.tasks)]
    if not blocks:
        return None
    return Section("Abilities of the base model", [], [*blocks[:-1], replace(blocks[-1], source=source)])


def _abilities(forgetting: Forgetting) -> list[Table]:
    by_arm = forgetting.arms
    if not by_arm:
        return []
    arms, bound = labels.ordered(by_arm), 100.0 - forgetting.margin_percent
    plotted = by_arm.get(plotted_arm(arms) or "", {})
    scale = (0.0, 160.0)
    rows: list[Row] = []
    for kind in next(iter(by_arm.values())):
        figure = plotted.get(kind)
        alt = f"{kind}: {format_interval(figure)}, not worse above {bound:g}"
        rows.append([
            "all kinds" if kind == "all" else labels.kind(kind),
            *(_ability(by_arm[arm].get(kind)) for arm in arms),
            interval_strip(figure, scale=scale, marks=(100,), target=bound, alt=alt),
            str(figure.prompts) if figure else "-",
        ])  # fmt: skip
    caption = (
        "Answers to prompts outside the author's field, compared with the base model's: 100 means that they share as "
        "many words with the base model's answers as those share with each other. A model counts as not worse only if "
        f"its whole interval lies above {bound:g}, the vertical line."
    )
    header: list[Cell] = ["Kind of prompt", *map(labels.arm, arms), strip_axis(scale, {100: "100"}), "Prompts"]
    return [Table(caption, header, rows)]


def _ability(figure: AbilityFigure | None) -> str:
    if figure is None or figure.value is None:
        return format_figure(figure, 0)
    return f"{format_figure(figure, 0)}\n{labels.outcome(figure.outcome)}"


def _leakage(leakage: Mapping[str, Leakage]) -> list[Table]:
    rows: list[Row] = [
        [labels.arm(arm), f"{format_number(leakage[arm].percent_of_the_way)}%"] for arm in labels.ordered(leakage)
    ]
    caption = (
        "Voice transfer in the same answers, in which nobody asked for the voice: 0% is the base model, 100% the "
        "author. A high value is expected of a model for one voice, and a fault in a model that has other work to do."
    )
    title = "Voice leakage"
    return [Table(caption, ["Text", "Voice transfer"], rows, title=title)] if rows else []


def _tasks(tasks: TaskComparison) -> list[Table]:
    """The tasks of lm-evaluation-harness that the recipe names."""
    arms = labels.ordered(tasks.arms)
    rows: list[Row] = []
    for task in dict.fromkeys(task for by_task in tasks.arms.values() for task in by_task):
        figures = [tasks.arms[arm].get(task) for arm in arms]
        first = next(figure for figure in figures if figure is not None)
        rows.append([
            f"{task}\n{first.questions:,} questions", format_number(first.base, 1), *(_task(each) for each in figures)
        ])  # fmt: skip
    caption = (
        "Public benchmarks (lm-evaluation-harness), with the same questions for both models: percent correct, and "
        "below it the difference from the base model in points. A model counts as not worse only if the whole "
        f"interval lies above {format_number(-tasks.margin_points)} points."
    )
    header: list[Cell] = ["Benchmark", labels.arm("baseline"), *map(labels.arm, arms)]
    return [Table(caption, header, rows, title="Benchmarks")] if rows else []


def _task(figure: TaskFigure | None) -> str:
    if figure is None:
        return "-"
    if figure.value is None:
        return f"{format_number(figure.arm, 1)}\n{figure.why or figure.status}"
    difference = f"{'+' if figure.value > 0 else ''}{format_figure(figure)}"
    return f"{format_number(figure.arm, 1)}\n{difference}\n{labels.outcome(figure.outcome)}"
