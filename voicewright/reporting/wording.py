"""Wording by which a text is recognised: the author's own terms, and phrases that language models over-use."""

from __future__ import annotations

from collections.abc import Sequence

from voicewright.core import labels
from voicewright.core.documents.voice_report import Frequency, OnePhraseUse, PhraseUse, VoiceReport
from voicewright.reporting.blocks import Cell, Row, Section, Table, format_figure, format_number

# A longer table is folded.
MAX_OPEN_ROWS = 12


def wording_section(report: VoiceReport, source: str) -> Section:
    """The author's own terms, and machine phrases against the author's own rate."""
    arms = labels.ordered(report.arms)
    return Section("Distinctive wording", [], [_own_terms(report, arms), _machine_phrases(report, arms, source)])


def _own_terms(report: VoiceReport, arms: Sequence[str]) -> Table:
    terms, rate = report.own_terms, report.measures["own_terms"]
    author_rate = format_number(rate.reference.author, None)
    rows: list[Row] = [[labels.AUTHOR, author_rate, ", ".join(term.term for term in terms) or "none"]]
    for arm in arms:
        used = sorted((term for term in terms if term.arms.get(arm)), key=lambda term: -term.arms[arm])
        counts = ", ".join(f"{term.term}\u00a0{term.arms[arm]}" for term in used)
        text = f"{len(used)} of these: {counts}" if used else "none of these"
        rows.append([labels.arm(arm), format_figure(rate.arms.get(arm)), text])
    caption = (
        "Words that the training text has three times or more, and neither other authors nor the base model use. The "
        "author's most frequent are listed, with the count for each model. A rate far above the author's is a tic."
    )
    return Table(caption, ["Text", "Per 1,000 words", "Terms"], rows, title="The author's own terms")


def _machine_phrases(report: VoiceReport, arms: Sequence[str], source: str) -> Table:
    def row(phrase: str, use: PhraseUse | OnePhraseUse) -> Row:
        return [phrase, *(_frequency(use.arms.get(arm)) for arm in arms), _frequency(use.author)]

    rows = [
        row("all phrases on the list", report.slop.total),
        *(row(each.phrase, each) for each in report.slop.phrases),
    ]
    caption = (
        "Phrases that language models over-use: occurrences in 10,000 words, and the count in brackets. Compare them "
        "with the last column: a phrase that the author uses as often is part of the author's voice."
    )
    header: list[Cell] = ["Phrase", *map(labels.arm, arms), labels.AUTHOR]
    return Table(caption, header, rows, source, "Machine phrases", folded=len(rows) > MAX_OPEN_ROWS)


def _frequency(frequency: Frequency | None) -> str:
    if frequency is None or not frequency.count:
        return "0"
    return f"{frequency.per_10_000_words:.1f} ({frequency.count})"
