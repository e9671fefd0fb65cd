"""The words that give a text away: those the author made, and those that machines are fond of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from voicewright.core import labels
from voicewright.reporting.blocks import Section, Table, found, number

# A longer table is folded.
LONG = 12


def section(voice: Mapping[str, Any], source: str) -> Section:
    """The author's own terms, and machine phrases against the author's own rate."""
    arms = labels.ordered(voice["arms"])
    return Section("Words that give it away", [], [_own(voice, arms), _machine(voice, arms, source)])


def _own(voice: Mapping[str, Any], arms: Sequence[str]) -> Table:
    terms, rate = voice["own_terms"], voice["measures"]["own_terms"]
    level = (rate.get("reference") or {}).get("author")
    rows: list[list[str | Markup]] = [
        [labels.AUTHOR, number(level, None), ", ".join(row["term"] for row in terms) or "none"]
    ]
    for arm in arms:
        used = sorted((row for row in terms if row["arms"].get(arm)), key=lambda row: -row["arms"][arm])
        said = f"{len(used)} of these: " + ", ".join(f"{row['term']}\u00a0{row['arms'][arm]}" for row in used)
        rows.append([labels.arm(arm), found(rate["arms"].get(arm)), said if used else "none of these"])
    words = (
        "Words that the author invented or made their own: said three times or more in the training text, and by "
        "neither other authors nor the base model. A model that knows the author's world uses them; one that uses "
        "them oftener than the author does has a tic. The author's most frequent are listed, and how often each model "
        "said which."
    )
    head: list[str | Markup] = ["Whose text", "Per 1,000 words", "Which"]
    return Table(words, head, rows, title="The author's own terms")


def _machine(voice: Mapping[str, Any], arms: Sequence[str], source: str) -> Table:
    listed = [{"phrase": "all phrases on the list", **voice["slop"]["all"]}, *voice["slop"]["phrases"]]
    rows: list[list[str | Markup]] = [
        [row["phrase"], *(_use(row["arms"].get(arm)) for arm in arms), _use(row["author"])] for row in listed
    ]
    words = (
        "Phrases that language models are known to over-use: their rate in 10,000 words, and in brackets how often "
        "they were said. What counts is the difference from the author, in the last column: a phrase that is the "
        "author's own is no machine's."
    )
    head: list[str | Markup] = ["Phrase", *map(labels.arm, arms), labels.AUTHOR]
    return Table(words, head, rows, source, "Machine phrases", folded=len(rows) > LONG)


def _use(use: Mapping[str, Any] | None) -> str:
    if not use or not use["count"]:
        return "0"
    return f"{use['per_10_000_words']:.1f} ({use['count']})"
