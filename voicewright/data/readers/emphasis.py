"""Runs of styled text as Markdown emphasis."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple


class Run(NamedTuple):
    """A stretch of text in one style."""

    text: str
    italic: bool = False
    bold: bool = False


def to_markdown(runs: Iterable[Run]) -> str:
    """Join runs: neighbours of one style under one pair of marks, spaces outside the marks."""
    marked = []
    solid = [run for run in runs if run.text]
    for (italic, bold), group in groupby(solid, key=lambda run: (run.italic, run.bold)):
        text = "".join(run.text for run in group)
        mark = "*" * (italic + 2 * bold)
        core = text.strip()
        lead, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        marked.append(f"{lead}{mark}{core}{mark}{tail}" if core else text)
    joined = re.sub(r"[ \t\r]+", " ", "".join(marked))
    return "\n".join(line.strip() for line in joined.split("\n")).strip()
