"""How close the voice is: the measures, voice transfer by part, the author's habits, and the scale behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from voicewright.core import labels
from voicewright.core.documents.intervals import Figure, Interval
from voicewright.core.documents.judging import TESTED_ARM
from voicewright.core.documents.voice_report import Measure, Overshoot, VoiceReport
from voicewright.decision.targets import VOICE_TITLES
from voicewright.metrics.samples import BASE
from voicewright.reporting.blocks import (
    Block,
    Cell,
    Row,
    Section,
    Table,
    format_figure,
    format_interval,
    format_number,
    known_ends,
)
from voicewright.reporting.plots import Scale, interval_strip, percent_scale, scale_around, strip_axis

# Other authors in the table of distances, the nearest ones.
NEAREST = 3
# The habits that a writer asks for by name; the others follow.
FIRST_HABITS = ("you_per_1000", "sentence_words", "paragraph_words", "dialogue")
# A smaller ratio counts as the author's own rate.
MIN_RATIO = 1.05
# Measures that stand elsewhere on the page: the longest copied span with copying, own terms and phrases with wording.
ELSEWHERE = {"copying", "own_terms", "slop"}


def similarity_section(report: VoiceReport, source: str) -> Section:
    """The measures of voice.json, those with targets first."""
    arms = labels.ordered(report.arms)
    aimed = {name: report.measures[name] for name in VOICE_TITLES if name in report.measures}
    rest = {name: each for name, each in report.measures.items() if name not in {*aimed, *ELSEWHERE}}
    habits = {name: each for name, each in rest.items() if each.reference.author_band}
    habits = {name: habits[name] for name in (*FIRST_HABITS, *habits) if name in habits}
    others = {name: each for name, each in rest.items() if name not in habits}
    tables = [
        _measures_with_targets(aimed, arms),
        _by_feature_group(report, arms),
        _by_kind(report, arms),
        _habits(habits, report.overshoot, arms),
        _other_measures(others, arms),
        _distances(report, source),
    ]
    blocks: list[Block] = [table for table in tables if table is not None]
    alarms = [f"Caricature, {labels.arm(arm)}: {' '.join(alarm)}" for arm, alarm in report.caricature.items()]
    paragraphs = [_basis(report), *report.notes, *_missing(report.measures)]
    return Section("Voice measures", paragraphs, blocks, alarms=alarms)


def _basis(report: VoiceReport) -> str:
    calibration = report.calibration
    return (
        f"Every measure compares a model's texts with the author's, in passages of {calibration.block_words} words. "
        f"The author's profile comes from {calibration.training_words:,} words of training text, the author's own "
        f"level from {calibration.heldout_blocks} passages that were held out of it. Brackets hold 95% intervals."
    )


def _missing(measures: Mapping[str, Measure]) -> list[str]:
    """Why figures are missing, each reason once."""
    titles: dict[tuple[str, str], list[str]] = defaultdict(list)
    for measure in measures.values():
        for arm, figure in measure.arms.items():
            if figure.value is None and figure.why:
                titles[arm, figure.why].append(measure.title.lower())
    return [
        f"No figure for the {labels.arm(arm)} in {', '.join(each[:4])}"
        f"{f' and {len(each) - 4} more' if len(each) > 4 else ''}: {why}."
        for (arm, why), each in titles.items()
    ]


def plotted_arm(arms: Sequence[str]) -> str | None:
    """The arm that plots show: the fine-tuned model, else the last one beside the base."""
    others = [arm for arm in arms if arm != BASE]
    return TESTED_ARM if TESTED_ARM in others else others[-1] if others else None


def _gain_text(figure: Figure | None, digits: int | None = None) -> str:
    """How much better than the base model an arm is, with the sign and in a word."""
    if figure is None or figure.value is None or figure.low is None or figure.high is None:
        return "-"
    word = "better" if figure.low > 0 else "worse" if figure.high < 0 else "no clear difference"
    return f"{'+' if figure.value > 0 else ''}{format_figure(figure, digits)}\n{word}"


def _gain(measure: Measure, arm: str | None) -> str:
    return _gain_text(measure.reference.gain_over_base.get(arm or ""), _digits(measure))


def _digits(measure: Measure) -> int | None:
    return 0 if measure.unit.startswith("percent of the") else None


def _strip(
    title: str,
    figure: Figure | None,
    base: Figure | None,
    scale: Scale,
    marks: Sequence[float] = (),
    band: tuple[float, float] | None = None,
) -> Markup:
    ring = base.value if base else None
    alt = f"{title}: {format_interval(figure, None)}"
    alt += f"; the base model {format_number(ring, None)}" if ring is not None else ""
    return interval_strip(figure, scale=scale, base=ring, alt=alt, marks=marks, band=band)


def _measures_with_targets(measures: Mapping[str, Measure], arms: Sequence[str]) -> Table | None:
    plotted = plotted_arm(arms) or ""
    scale = percent_scale([figure for measure in measures.values() for figure in measure.arms.values()])
    rows: list[Row] = []
    for name, measure in measures.items():
        figure = measure.arms.get(plotted)
        rows.append([
            f"{measure.title}\n{measure.definition}",
            *(format_figure(measure.arms.get(arm), 0) for arm in arms),
            _strip(measure.title, figure, measure.arms.get(BASE), scale, marks=(0, 100)),
            # Voice transfer is itself the way from the base model.
            _gain_text(figure, 0) if name == "transfer" else _gain(measure, plotted),
        ])  # fmt: skip
    caption = (
        "In percent: 100 is the level of the author's held-out text. Ring: base model. Dot and bar: fine-tuned model "
        "with its 95% interval."
    )
    reference = measures["transfer"].reference if "transfer" in measures else None
    if reference and reference.other_authors is not None and reference.nearest_other_author:
        nearest = reference.nearest_other_author
        caption += (
            f" On the scale of voice transfer, other authors are at {format_number(reference.other_authors)} on "
            f"average, and the nearest of them, {nearest.name}, is at {format_number(nearest.value)}."
        )
    axis = strip_axis(scale, {0: "0", 100: "100"})
    header: list[Cell] = ["Measure", *map(labels.arm, arms), axis, "Gain over base model"]
    return Table(caption, header, rows, title="Measures with targets") if rows else None


def _by_feature_group(report: VoiceReport, arms: Sequence[str]) -> Table | None:
    parts = {f"{view.title}\n{view.definition}": view.arms for view in report.calibration.views.values()}
    caption = (
        "Voice transfer of each group of features alone: 0 is the base model, 100 the author's held-out text. A group "
        "with a low score is where the voice is still missing."
    )
    return _transfer_table("By feature group", "Feature group", caption, parts, arms)


def _by_kind(report: VoiceReport, arms: Sequence[str]) -> Table | None:
    parts = {labels.kind(kind): by_arm for kind, by_arm in sorted(report.calibration.by_domain.items())}
    caption = (
        "Voice transfer for each kind of prompt: 0 is the base model, 100 the author's held-out text. The interval is "
        "wide where there are few prompts."
    )
    return _transfer_table("By kind of prompt", "Kind of prompt", caption, parts, arms)


def _transfer_table(
    title: str, part_header: str, caption: str, parts: Mapping[str, Mapping[str, Figure]], arms: Sequence[str]
) -> Table | None:
    others, plotted = [arm for arm in arms if arm != BASE], plotted_arm(arms)
    if not parts or plotted is None:
        return None
    scale = percent_scale([figure for by_arm in parts.values() for figure in by_arm.values()])
    rows: list[Row] = [
        [part, *(format_figure(by_arm.get(arm), 0) for arm in others),
         _strip(part.partition("\n")[0], by_arm.get(plotted), None, scale, marks=(0, 100))]
        for part, by_arm in parts.items()
    ]  # fmt: skip
    header: list[Cell] = [part_header, *map(labels.arm, others), strip_axis(scale, {0: "0", 100: "100"})]
    return Table(caption, header, rows, title=title)


def _habits(
    measures: Mapping[str, Measure], overshoot: Mapping[str, Mapping[str, Overshoot]], arms: Sequence[str]
) -> Table | None:
    """Plain rates beside the author's own, what is overdone, and what is nearer the author than the base model was."""
    plotted = plotted_arm(arms) or ""
    rows: list[Row] = []
    for name, measure in measures.items():
        author, band, heldout = measure.reference.author, measure.reference.author_band, measure.reference.heldout
        assert band is not None
        scale = scale_around([*band, *known_ends(measure.arms.values())])
        own = format_interval(Interval(value=author, low=band[0], high=band[1]), None)
        if isinstance(heldout, Figure) and heldout.value is not None:
            own += f"\nheld out: {format_number(heldout.value, None)}"
        rows.append([
            f"{measure.title}\n{_definition(measure)}",
            *(_habit(measure.arms.get(arm), overshoot.get(arm, {}).get(name)) for arm in arms),
            own,
            _strip(measure.title, measure.arms.get(plotted), measure.arms.get(BASE), scale, band=band),
            _gain(measure, plotted),
        ])  # fmt: skip
    caption = (
        "Rates of features that a reader notices. Shaded band: 80% of the author's passages. Ring: base model. Dot "
        "and bar: fine-tuned model. Where a model exceeds the author's rate, the ratio stands below. A habit is "
        "overdone if its interval lies above 1.5 times the author's rate, above the author's 90th percentile and "
        "above the base model's rate. The last column is how much nearer to the author the fine-tuned model is than "
        "the base model."
    )
    header: list[Cell] = ["Habit", *map(labels.arm, arms), labels.AUTHOR, "", "Nearer than the base model"]
    return Table(caption, header, rows, title="The author's habits") if rows else None


def _definition(measure: Measure) -> str:
    """The definition and the unit; the unit alone where the definition only repeats the title."""
    if measure.definition.startswith("How often a passage has"):
        return measure.unit
    return with_unit(measure)


def with_unit(measure: Measure) -> str:
    """The definition of a measure and its unit."""
    return f"{measure.definition} Unit: {measure.unit}."


def _habit(figure: Figure | None, overshoot: Overshoot | None) -> str:
    text = format_figure(figure)
    if overshoot and overshoot.times_the_author >= MIN_RATIO:
        text += f"\n{overshoot.times_the_author:.1f} times the author" + (", overdone" if overshoot.overdone else "")
    return text


def _other_measures(measures: Mapping[str, Measure], arms: Sequence[str]) -> Table | None:
    plotted = plotted_arm(arms)
    rows: list[Row] = [
        [
            f"{measure.title}\n{with_unit(measure)}",
            *(format_figure(measure.arms.get(arm), _digits(measure)) for arm in arms),
            _gain(measure, plotted),
        ]
        for measure in measures.values()
    ]
    caption = "Checks beside the style: language, topic, likelihood of the held-out text, and length of the answers."
    header: list[Cell] = ["Measure", *map(labels.arm, arms), "Gain over base model"]
    return Table(caption, header, rows, title="Other measures") if rows else None


def _distances(report: VoiceReport, source: str) -> Table | None:
    distances = report.calibration.distance
    others = [(name, far) for name, far in report.calibration.other_authors.items() if name != "the base model"]
    nearest = sorted(others, key=lambda pair: pair[1])[:NEAREST]
    known = [figure.value for figure in distances.values() if figure.value is not None] + [far for _, far in nearest]
    if not known:
        return None
    scale = (min(known) - 0.05, max(known) + 0.05)
    order = [*labels.ordered(name for name in distances if name != "heldout"), "heldout"]
    rows: list[Row] = [
        [labels.arm(arm), format_figure(distances[arm]), _strip(labels.arm(arm), distances[arm], None, scale)]
        for arm in order if arm in distances
    ]  # fmt: skip
    for name, far in nearest:
        strip = interval_strip(Interval(value=far, low=None, high=None), scale=scale, alt=f"{name}: {far:.2f}")
        rows.append([f"another author: {name}", format_number(far, None), strip])
    caption = (
        "Distance of each text from the author's training text, of which the scale of voice transfer is made; lower is "
        "nearer. If the author's held-out text is no nearer than the base model, there is no scale; if the model is no "
        "nearer than other authors, it has not taken on the voice."
    )
    return Table(caption, ["Text", "Distance", ""], rows, source, title="Distances behind the scale", folded=True)
