"""What the decision rests on: targets, advice, texts side by side, the blind comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from voicewright.core import labels
from voicewright.reporting.blocks import Block, Sample, Section, Table, capital, figure, number, percent
from voicewright.reporting.plots import axis, strip


def targets_section(decision: Mapping[str, Any], source: str) -> Section:
    """The targets against the figures, with a strip each."""
    held = decision["targets"].values()
    known = [bound for h in held for bound in (h["low"], h["high"]) if bound is not None]
    scale = (max(min([0.0, *known]), -60.0), min(max([100.0, *known]), 160.0))
    rows: list[list[str | Markup]] = []
    for h in held:
        said = f"{h['title']}: {figure(h['value'], h['low'], h['high'])}, target {number(h['target'])}"
        drawn = strip(h["value"], h["low"], h["high"], scale=scale, marks=(0, 100), target=h["target"], said=said)
        why = "\n".join(
            filter(None, [h["why"] and capital(h["why"]), h["needs"] and f"What would settle it: {h['needs']}"])
        )
        side = "at most" if h["below"] else "over"
        bound = "-" if h["target"] is None else f"{side} {h['target']:g}".replace(" ", "\u00a0")
        rows.append([h["title"], bound, figure(h["value"], h["low"], h["high"]), drawn,
                     labels.outcome(h["outcome"]) + (f"\n{why}" if why else "")])  # fmt: skip
    words = (
        "A target is met only when the whole bar lies beyond the upright stroke. The dot is the figure, the bar what "
        "chance allows (the 95% interval, in brackets). A bar across the stroke settles nothing, and a figure that is "
        "not available never counts as met."
    )
    alarms = []
    looks = decision.get("looks", {})
    if looks.get("taken", 0) > looks.get("planned", 1):
        alarms.append(
            f"These votes were looked at {looks['taken']} times and {looks['planned']} were planned (blind.looks): "
            "with each unplanned look the chance of a wrong pass grows beyond 2.5%."
        )
    head: list[str | Markup] = ["What", "Target", "Figure", axis(scale, {0: "0", 100: "100"}), "Outcome"]
    return Section("The targets", [], [Table(words, head, rows, source)], alarms=alarms)


def advice_section(decision: Mapping[str, Any]) -> Section | None:
    """What to try next; None where there is nothing to advise."""
    if not decision["advice"]:
        return None
    rows: list[list[str | Markup]] = [
        [capital(a["seen"]), capital(a["do"]), a["command"] or "-"] for a in decision["advice"]
    ]
    words = "From what was measured, in the order in which to try it."
    return Section("What to try next", [], [Table(words, ["Seen", "Try", "Command"], rows)])


def samples_section(samples: Sequence[Sample]) -> Section:
    """Texts side by side."""
    words = (
        "How each model went on after the same words: the first answers, the prompts drawn by a fixed seed, nothing "
        "chosen. The base model is what the fine-tuned one was before; shown passages, it has a few of the author's in "
        "its prompt and no training."
    )
    return Section("Side by side", [words], list(samples))


def blind_section(verdict: Mapping[str, Any], source: str) -> Section:
    """The blind comparison: win rates by comparison, question and rater, and checks on the first."""
    level = f"{100 * verdict['level']:.3g}%"
    rows: list[list[str | Markup]] = []
    for comparison in verdict["comparisons"]:
        for question, found in comparison["questions"].items():
            if found["by_rater"]:
                rows += _rates(comparison, question, found, verdict["raters"])
    words = (
        "Each pair showed two texts on the same prompt, cut to the same number of words, without saying which model "
        "wrote which. 50% means that nobody could tell; ties count half. The bar is what chance allows "
        f"({level}), by prompts: votes on one prompt resemble one another."
    )
    head: list[str | Markup] = ["Comparison", "By whom", "Preferred", _HALF, "Prompts"]
    blocks: list[Block] = [Table(words, head, rows, source)]
    first = next(iter(verdict["comparisons"]), None)
    voice = first["questions"].get("voice") if first else None
    if voice and len(voice["by_domain"]) > 1:
        blocks.append(_by_kind(voice, source))
    if voice and voice["length"]:
        blocks.append(_diagnostics(voice, source))
    strengths = (verdict.get("strengths") or {}).get("strengths")
    if strengths:
        ranked = sorted(strengths.items(), key=lambda item: -item[1])
        words = "All comparisons in one ranking: the shares in which each would win against all others (Bradley-Terry)."
        blocks.append(Table(words, ["Whose text", "Strength; they sum to 1"],
                            [[labels.arm(arm), f"{strength:.2f}"] for arm, strength in ranked], source,
                            title="Ranked by voice", folded=True))  # fmt: skip
    return Section("How often the fine-tuned text was preferred", [], blocks)


def _rates(
    comparison: Mapping[str, Any], question: str, found: Mapping[str, Any], raters: Mapping[str, Any]
) -> list[list[str | Markup]]:
    """Rows of one comparison: all who count together, and each rater where there are several."""
    about = f"{labels.arm(comparison['a'])} over {labels.arm(comparison['b'])}"
    asked = labels.QUESTIONS.get(question, question)
    each = [(labels.rater(who, raters[who]["kind"]), rate) for who, rate in found["by_rater"].items()]
    lines = each
    if len(each) > 1:
        groups = [(who, found[who]) for who in ("readers", "judges") if found[who]["value"] is not None]
        lines = [("all who count", found["deciding"]), *(groups if len(groups) > 1 else []), *each]
    return [
        [f"{about}\n{asked}" if n == 0 else "", who, percent(rate), _rate_strip(f"{about}, {asked}", who, rate),
         str(rate["n_prompts"])]
        for n, (who, rate) in enumerate(lines)
    ]  # fmt: skip


_HALF = axis((0, 1), {0: "0%", 0.5: "50%", 1: "100%"})


def _by_kind(voice: Mapping[str, Any], source: str) -> Table:
    rows: list[list[str | Markup]] = [
        [labels.kind(domain), percent(rate), _rate_strip("voice", domain, rate), str(rate["n_prompts"])]
        for domain, rate in voice["by_domain"].items()
    ]
    words = "The first comparison again, for each kind of prompt: with few prompts the bar is wide."
    return Table(
        words, ["Kind of prompt", "Preferred", _HALF, "Prompts"], rows, source, "By kind of prompt", folded=True
    )


def _rate_strip(about: str, who: str, rate: Mapping[str, Any]) -> Markup:
    said = f"{about}, by {who}: {percent(rate)}"
    return strip(rate["value"], rate["low"], rate["high"], scale=(0, 1), marks=(0, 0.5, 1), said=said)


def _diagnostics(voice: Mapping[str, Any], source: str) -> Table:
    deciding = voice["deciding"]
    worst = {"value": deciding["value"], "low": deciding["worst_case_low"], "high": deciding["best_case_high"]}
    bootstrap = {"value": deciding["value"], "low": deciding["bootstrap_low"], "high": deciding["bootstrap_high"]}
    rows: list[list[str | Markup]] = [
        ["Were all missing votes against the model, or all for it", percent(worst)],
        ["The same rate with another kind of interval\nbootstrap over prompts, percentiles", percent(bootstrap)],
        ["Prompts whose majority preferred the fine-tuned text\nWilson's interval", percent(voice["majority"])],
        ["How often the longer text won", percent(voice["length"]["longer_wins"])],
        ["The rate at equal length\nlogistic regression", percent(voice["length"]["length_adjusted"])],
        ["Ties", "-" if voice["ties"] is None else f"{voice['ties']:.0%}"],
        ["Votes cast of those due", "-" if deciding["coverage"] is None else f"{deciding['coverage']:.0%}"],
    ]
    words = (
        "Whether the first comparison would come out otherwise if it were counted otherwise, and whether length "
        "decided it: where they agree, the rate can be trusted."
    )
    return Table(words, ["Counted otherwise", "Preferred"], rows, source, "Checks on the rate", folded=True)
