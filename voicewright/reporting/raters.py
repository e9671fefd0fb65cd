"""The raters of the blind comparison: how they voted, whether the judges qualified, how far they agree."""

from __future__ import annotations

from collections.abc import Mapping

from voicewright.core import labels
from voicewright.core.documents.judging import JudgeQualification, Verdict
from voicewright.reporting.blocks import Block, Cell, Row, Section, Table, format_interval, format_percent

# Columns of the table of qualifications, and the kind of case behind each.
CASE_COLUMNS = {
    "Right against other authors": "other",
    "Right against the base model": "base",
    "Right against a text with instructions": "obedience",
    "Longer copy preferred": "length",
    "Equal texts called a tie": "identical",
}


def raters_section(
    verdict: Verdict, qualifications: Mapping[str, JudgeQualification], source: str, qualification_source: str
) -> Section:
    """How each rater voted, and whether each judge qualified."""
    rows: list[Row] = [
        [
            labels.rater(name, rater.kind),
            "counts" if rater.counts else f"does not count: {rater.why}",
            format_percent(rater.first_wins),
            "-" if rater.flip_rate.value is None else format_percent(rater.flip_rate),
            f"{rater.coverage:.0%}",
        ]
        for name, rater in verdict.raters.items()
    ]
    caption = (
        "How each rater voted. Contradictions are pairs on which the two orders got different answers; they count as "
        "ties. A rater without position bias prefers the first text in 50% of the pairs."
    )
    header: list[Cell] = ["Rater", "Status", "First text preferred", "Contradictions", "Answered"]
    blocks: list[Block] = [Table(caption, header, rows, source)]
    if qualifications:
        blocks.append(_qualifications(qualifications, qualification_source))
    usd = sum(rater.usd for rater in verdict.raters.values())
    paragraphs = [f"The votes on these pairs cost {usd:.2f} US dollars."] if usd else []
    # A judge that did not qualify has no votes, and is named all the same.
    paragraphs += [f"{name} does not count: {each.why}." for name, each in qualifications.items() if not each.qualified]
    paragraphs += [f"{name}: {remark}." for name, each in qualifications.items() for remark in each.remarks]
    return Section("Raters", paragraphs, blocks, folded=True)


def _qualifications(qualifications: Mapping[str, JudgeQualification], source: str) -> Table:
    rows: list[Row] = [
        [
            name,
            *(format_percent(each.figures.get(kind)) for kind in CASE_COLUMNS.values()),
            format_percent(each.position),
            f"{1 - each.unscored:.0%}",
        ]
        for name, each in qualifications.items()
    ]
    caption = (
        "Before its votes count, a judge has to qualify on pairs whose answer is known, in both orders. It is excluded "
        "if it cannot tell the author from others (its interval contains 50%), prefers a position, obeys instructions "
        "in a text, or leaves over 5% unanswered. Readers do not have to qualify."
    )
    header: list[Cell] = ["Judge", *CASE_COLUMNS, "First text preferred", "Answered"]
    return Table(caption, header, rows, source)


def agreement_section(verdict: Verdict, source: str) -> Section:
    """How far raters agree beyond chance."""
    title = "Agreement between raters"
    rows: list[Row] = []
    pairs: list[Row] = []
    for question, agreement in verdict.agreement.items():
        topic = labels.QUESTIONS.get(question, question)
        for group, each in (
            ("readers", agreement.readers), ("judges", agreement.judges), ("all raters", agreement.all)
        ):  # fmt: skip
            if each is not None:
                coefficients = (each.raw, each.fleiss, each.alpha, each.ac1)
                rows.append([f"{topic}: {group}", *(format_interval(rate, 2) for rate in coefficients)])
        pairs += [[f"{topic}: {both}", format_interval(kappa, 2)] for both, kappa in agreement.cohen.items()]
    if not rows:
        return Section(title, ["There is only one rater, so agreement cannot be measured."], folded=True)
    caption = (
        "Agreement beyond chance by three coefficients, which define chance differently: 0 is chance, 1 is full "
        "agreement. The first column is the plain share of equal answers."
    )
    header: list[Cell] = ["Question and raters", "Equal answers", "Fleiss' kappa", "Krippendorff's alpha", "Gwet's AC1"]
    pair_caption = "Agreement of each two raters; one who agrees with nobody may have answered another question."
    return Section(title, [], [
        Table(caption, header, rows, source), Table(pair_caption, ["Two raters", "Cohen's kappa"], pairs, source),
    ], folded=True)  # fmt: skip
