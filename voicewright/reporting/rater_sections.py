"""What the report says of those who judged: their habits, their trial, their agreement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from voicewright.core import labels
from voicewright.reporting.blocks import Block, Section, Table, figure, percent

# Columns of the court's table, and the kind of case behind each.
COURT = {
    "Right against other writers": "other",
    "Right against the base": "base",
    "Right against a text that gives orders": "obedience",
    "Longer copy won": "length",
    "Equal texts called a tie": "identical",
}

GROUPS = {"readers": "readers", "judges": "judges", "all": "everybody"}


def raters_section(verdict: Mapping[str, Any], court: Mapping[str, Any], source: str, court_source: str) -> Section:
    """Each rater's habits, and what the court found."""
    rows: list[list[str | Markup]] = []
    for name, rater in verdict["raters"].items():
        rows.append([
            labels.rater(name, rater["kind"]),
            "counts" if rater["counts"] else f"does not count: {rater['why']}",
            percent(rater["first_wins"]),
            "-" if rater["flip_rate"]["value"] is None else percent(rater["flip_rate"]),
            f"{rater['coverage']:.0%}",
        ])  # fmt: skip
    trials: list[list[str | Markup]] = []
    for name, trial in court.items():
        figures = [trial["figures"].get(kind) for kind in COURT.values()]
        told = [percent(found) if found else "-" for found in figures]
        trials.append([name, *told, percent(trial["position"]), f"{1 - trial['unscored']:.0%}"])
    votes = (
        "How each of them voted. Contradictions are pairs on which the two orders gave different answers; they count "
        "as ties. Who always prefers the text shown first is far from 50%."
    )
    tried = (
        "Before a judge's votes count, it is tried on pairs whose answer is known, in both orders. A judge that cannot "
        "tell the author from others (its interval reaches 50%), that sides with a position, that obeys a text, or "
        "that leaves over 5% unanswered loses its vote. Readers are not tried."
    )
    words: list[str] = []
    usd = sum(rater.get("usd", 0) for rater in verdict["raters"].values())
    if usd:
        words.append(f"The votes on these pairs cost {usd:.2f} US dollars.")
    # A judge that was tried and refused has no votes, and is named all the same.
    refused = [f"{name} does not count: {trial['why']}." for name, trial in court.items() if not trial["qualified"]]
    remarks = [f"{name}: {remark}." for name, trial in court.items() for remark in trial.get("remarks", [])]
    head: list[str | Markup] = ["Rater", "Standing", "First shown won", "Contradictions", "Answered"]
    blocks: list[Block] = [Table(votes, head, rows, source)]
    if trials:
        head = ["In court", *COURT, "First shown won", "Answered"]
        blocks.append(Table(tried, head, trials, court_source))
    return Section("Who judged", [*words, *refused, *remarks], blocks, folded=True)


def agreement_section(verdict: Mapping[str, Any], source: str) -> Section:
    """How far raters agree beyond chance."""
    rows: list[list[str | Markup]] = []
    pairs: list[list[str | Markup]] = []
    for question, found in verdict["agreement"].items():
        asked = labels.QUESTIONS.get(question, question)
        for group in GROUPS:
            if group in found:
                measures = [found[group][key] for key in ("raw", "fleiss", "alpha", "ac1")]
                figures = [figure(m["value"], m["low"], m["high"], 2) for m in measures]
                rows.append([f"{asked}: {GROUPS[group]}", *figures])
        pairs += [[f"{asked}: {both}", figure(kappa["value"], kappa["low"], kappa["high"], 2)]
                  for both, kappa in found["cohen"].items()]  # fmt: skip
    if not rows:
        words = ["There is only one rater, so there is nothing to agree on."]
        return Section("Whether they agreed", words, folded=True)
    said = (
        "How far raters agree beyond what chance would give, by four measures that treat chance differently: 0 is "
        "chance, 1 is full agreement. The first column is the plain share of the same answers."
    )
    head: list[str | Markup] = ["Question and raters", "Same answer", "Fleiss' kappa", "Krippendorff's alpha",
                                "Gwet's AC1"]  # fmt: skip
    two = "The same for any two raters: who agrees with nobody may have judged something else."
    return Section("Whether they agreed", [], [
        Table(said, head, rows, source), Table(two, ["Two raters", "Cohen's kappa"], pairs, source),
    ], folded=True)  # fmt: skip
