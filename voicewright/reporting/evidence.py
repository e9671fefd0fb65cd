"""What the decision rests on: targets, advice, texts side by side, the blind comparison."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from voicewright.core import labels
from voicewright.core.documents.decision import Decision, TargetOutcome
from voicewright.core.documents.intervals import Interval, Rate
from voicewright.core.documents.judging import Comparison, QuestionResult, Rater, Verdict
from voicewright.reporting.blocks import (
    Block,
    Cell,
    Row,
    Sample,
    Section,
    Table,
    capitalised,
    format_interval,
    format_number,
    format_percent,
)
from voicewright.reporting.plots import interval_strip, percent_scale, strip_axis

_PERCENT_AXIS = strip_axis((0, 1), {0: "0%", 0.5: "50%", 1: "100%"})


def targets_section(decision: Decision, source: str) -> Section:
    """Every target with its figure, a strip and the outcome."""
    scale = percent_scale(decision.targets.values())
    rows: list[Row] = []
    for outcome in decision.targets.values():
        interval = format_interval(outcome)
        alt = f"{outcome.title}: {interval}, target {format_number(outcome.target)}"
        strip = interval_strip(outcome, scale=scale, marks=(0, 100), target=outcome.target, alt=alt)
        rows.append([outcome.title, _bound(outcome), interval, strip, _outcome(outcome)])
    caption = (
        "A target is met only if the whole 95% interval lies beyond it. Vertical line: target. Dot: value. Bar: 95% "
        "interval, also in brackets. An interval that contains the target is inconclusive, and a value that is not "
        "available never counts as met."
    )
    alarms = []
    looks = decision.looks
    if looks is not None and looks.taken > looks.planned:
        alarms.append(
            f"The verdict was computed {looks.taken} times on new votes, and {looks.planned} were planned "
            "(blind.looks): each unplanned look raises the chance of a wrong pass above 2.5%."
        )
    header: list[Cell] = ["Measure", "Target", "Value", strip_axis(scale, {0: "0", 100: "100"}), "Outcome"]
    return Section("Targets", [], [Table(caption, header, rows, source)], alarms=alarms)


def _bound(outcome: TargetOutcome) -> str:
    if outcome.target is None:
        return "-"
    return f"{'at most' if outcome.below else 'over'} {outcome.target:g}".replace(" ", "\u00a0")


def _outcome(outcome: TargetOutcome) -> str:
    needs = outcome.needs and f"To decide: {outcome.needs}"
    return "\n".join(filter(None, [labels.outcome(outcome.outcome), capitalised(outcome.why or ""), needs]))


def advice_section(decision: Decision) -> Section | None:
    """What to try next; None where there is nothing to advise."""
    if not decision.advice:
        return None
    rows: list[Row] = [
        [capitalised(advice.observation), capitalised(advice.action), advice.command or "-"]
        for advice in decision.advice
    ]
    caption = "Changes that follow from the measurements, in the order in which to try them."
    return Section("What to try next", [], [Table(caption, ["Observation", "Change", "Command"], rows)])


def samples_section(samples: Sequence[Sample]) -> Section:
    """Texts side by side."""
    paragraph = (
        "Each model's first answer to the same prompts, which a fixed seed selects; no answer was selected by hand. "
        "The base model is the model before fine-tuning. The prompted base model has passages of the author in its "
        "prompt and no training."
    )
    return Section("Side by side", [paragraph], list(samples))


def blind_section(verdict: Verdict, source: str) -> Section:
    """The blind comparison: win rates by comparison, question and rater, and checks on the first."""
    rows = [
        row
        for comparison in verdict.comparisons
        for question, result in comparison.questions.items()
        if result.by_rater
        for row in _rates(comparison, question, result, verdict.raters)
    ]
    caption = (
        "Raters saw two texts on the same prompt, cut to the same number of words, without the models' names. 50% is "
        f"no preference; ties count half. The bar is the {100 * verdict.level:.3g}% interval over prompts, since votes "
        "on one prompt depend on one another."
    )
    header: list[Cell] = ["Comparison", "Rater", "Preferred", _PERCENT_AXIS, "Prompts"]
    blocks: list[Block] = [Table(caption, header, rows, source)]
    voice = verdict.comparisons[0].questions.get("voice") if verdict.comparisons else None
    if voice and len(voice.by_domain) > 1:
        blocks.append(_by_kind(voice, source))
    if voice and voice.length:
        blocks.append(_checks(voice, source))
    if verdict.strengths and verdict.strengths.strengths:
        blocks.append(_ranking(verdict.strengths.strengths, source))
    return Section("Blind comparison", [], blocks)


def _rates(comparison: Comparison, question: str, result: QuestionResult, raters: dict[str, Rater]) -> list[Row]:
    """Rows of one comparison: the deciding raters together, and each rater where there are several."""
    arms = f"{labels.arm(comparison.a)} over {labels.arm(comparison.b)}"
    topic = labels.QUESTIONS.get(question, question)
    rates: list[tuple[str, Rate]] = [
        (labels.rater(name, raters[name].kind), rate) for name, rate in result.by_rater.items()
    ]
    if len(rates) > 1:
        groups = [("readers", result.readers), ("judges", result.judges)]
        groups = [(name, rate) for name, rate in groups if rate.value is not None]
        rates = [("all raters that count", result.deciding), *(groups if len(groups) > 1 else []), *rates]
    return [
        [f"{arms}\n{topic}" if n == 0 else "", name, format_percent(rate), _rate_strip(f"{arms}, {topic}", name, rate),
         str(rate.n_prompts)]
        for n, (name, rate) in enumerate(rates)
    ]  # fmt: skip


def _by_kind(voice: QuestionResult, source: str) -> Table:
    rows: list[Row] = [
        [labels.kind(domain), format_percent(rate), _rate_strip("voice", domain, rate), str(rate.n_prompts)]
        for domain, rate in voice.by_domain.items()
    ]
    header: list[Cell] = ["Kind of prompt", "Preferred", _PERCENT_AXIS, "Prompts"]
    caption = "The first comparison for each kind of prompt: the interval is wide where there are few prompts."
    return Table(caption, header, rows, source, "By kind of prompt", folded=True)


def _rate_strip(topic: str, rater: str, rate: Rate) -> Markup:
    alt = f"{topic}, by {rater}: {format_percent(rate)}"
    return interval_strip(rate, scale=(0, 1), marks=(0, 0.5, 1), alt=alt)


def _checks(voice: QuestionResult, source: str) -> Table:
    deciding, length = voice.deciding, voice.length
    assert length is not None
    missing_votes = Interval(value=deciding.value, low=deciding.worst_case_low, high=deciding.best_case_high)
    bootstrap = Interval(value=deciding.value, low=deciding.bootstrap_low, high=deciding.bootstrap_high)
    rows: list[Row] = [
        ["Missing votes all against the model, or all for it", format_percent(missing_votes)],
        ["Percentile bootstrap over prompts\ninstead of the score interval", format_percent(bootstrap)],
        ["Prompts whose majority preferred the fine-tuned text\nWilson's interval", format_percent(voice.majority)],
        ["The longer text was preferred", format_percent(length.longer_wins)],
        ["The rate at equal length\nlogistic regression", format_percent(length.length_adjusted)],
        ["Ties", "-" if voice.ties is None else f"{voice.ties:.0%}"],
        ["Votes cast, of those due", "-" if deciding.coverage is None else f"{deciding.coverage:.0%}"],
    ]
    caption = (
        "The first comparison, calculated in other ways. If the figures agree, the rate depends neither on the method "
        "nor on the length of the texts."
    )
    return Table(caption, ["Calculation", "Preferred"], rows, source, "Checks on the rate", folded=True)


def _ranking(strengths: dict[str, float], source: str) -> Table:
    ranked = sorted(strengths.items(), key=lambda item: -item[1])
    rows: list[Row] = [[labels.arm(arm), f"{strength:.2f}"] for arm, strength in ranked]
    caption = (
        "All comparisons on one scale (Bradley-Terry): a text of strength a is preferred over one of strength b with "
        "probability a / (a + b)."
    )
    return Table(caption, ["Text", "Strength; they sum to 1"], rows, source, "Ranked by voice", folded=True)
