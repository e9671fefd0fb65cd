"""Samples of cognitive modes: what is asked in one, what is answered, and where each stands between its tags."""

from __future__ import annotations

import re
from collections.abc import Sequence

from voicewright.core.records import Row

# What prepare writes: the tag that a mode's prompt stands in, and the one of its answer.
TAGS = {"dual": ("thought", "world"), "emulation": ("user", "assistant"), "agent": ("instruction", "action")}
ANSWER = re.compile(rf"\s*<({'|'.join(tag for _, tag in TAGS.values())})>(.*?)(?:</\1>|\Z)", re.DOTALL)


def is_sample(row: Row) -> bool:
    """Whether a row is a sample of a mode."""
    return row.get("mode") in TAGS


def question(row: Row) -> str:
    """A sample up to where its answer begins, with whatever a family of models puts there."""
    text, tag = str(row["text"]), f"<{TAGS[row['mode']][1]}>"
    return text[: text.index(tag)]


def cue(row: Row) -> str:
    """What a sample answers, without its tags."""
    tag = TAGS[row["mode"]][0]
    return question(row).partition(f"<{tag}>")[2].rpartition(f"</{tag}>")[0]


def reply(row: Row) -> str:
    """What a sample answers with, without its tags."""
    return bare(str(row["text"])[len(question(row)) :])


def bare(answer: str) -> str:
    """An answer without the tags of a mode; one that does not open with a tag as it is."""
    found = ANSWER.match(answer)
    return found[2].strip() if found else answer


def around(rows: Sequence[Row]) -> tuple[str, str] | None:
    """What stands before and after a prompt: as somebody speaks to the model, if it learnt that; None without modes."""
    if not rows or not all(map(is_sample, rows)):
        return None
    row = next((row for row in rows if row["mode"] == "emulation"), rows[0])
    before, said, after = question(row).partition(cue(row))
    return (before, after) if said else None
