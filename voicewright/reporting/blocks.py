"""What a report is made of: sections of plain blocks, written as HTML by a template and as Markdown here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup


@dataclass(frozen=True)
class Table:
    """Rows under plain words; a cell is text, whose further lines are small print, or a plot in the HTML page alone."""

    words: str
    head: list[str | Markup]
    rows: list[list[str | Markup]]
    source: str = ""
    title: str = ""
    folded: bool = False
    """Shown by its title until it is opened."""


@dataclass(frozen=True)
class Plot:
    """A picture under plain words, with its alternative text, which stands for it in report.md."""

    words: str
    svg: Markup
    said: str
    source: str = ""
    title: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Sample:
    """One prompt and what each arm made of it."""

    prompt: str
    kind: str
    texts: dict[str, str]
    title: str = ""
    folded: bool = False


Block = Table | Plot | Sample


@dataclass(frozen=True)
class Section:
    """A heading, plain words, and what follows them."""

    title: str
    words: list[str]
    blocks: list[Block] = field(default_factory=list)
    folded: bool = False
    alarms: list[str] = field(default_factory=list)
    """What must not be overlooked; it stands first."""
    grid: bool = False
    """Small blocks beside one another."""


def number(value: float | None, digits: int | None = 0, like: float = 0.0) -> str:
    """A figure, or a dash; `digits` after the point, or None for as many as say something of it, or of `like`."""
    if value is None:
        return "-"
    if digits is None:
        size = max(abs(value), abs(like))
        digits = 0 if size >= 100 else 1 if size >= 10 else 2
    shown = f"{value:,.{digits}f}"
    if float(shown.replace(",", "")) == 0:
        shown = "0"
    return shown.replace("-", "\u2212")


def figure(value: float | None, low: float | None, high: float | None, digits: int | None = 0, unit: str = "") -> str:
    """A figure with its interval, all to as many digits; the interval is kept on one line."""
    if value is None:
        return "not available"
    if low is None or high is None or low == high == value:
        return number(value, digits) + unit
    like = max(abs(value), abs(low), abs(high))
    shown = [number(part, digits, like) for part in (value, low, high)]
    return f"{shown[0]}{unit} ({shown[1]}\u00a0to\u00a0{shown[2]})"


def found(row: Mapping[str, Any] | None, digits: int | None = None) -> str:
    """A figure of voice.json in a cell: its status where it has no value, a dash where it was not asked for."""
    if row is None:
        return "-"
    return str(row["status"]) if row["value"] is None else figure(row["value"], row["low"], row["high"], digits)


def ends(rows: Iterable[Mapping[str, Any]]) -> list[float]:
    """The values and bounds of figures, as far as they are known: what a scale must hold."""
    return [row[key] for row in rows for key in ("value", "low", "high") if row.get(key) is not None]


def capital(text: str) -> str:
    """The text with a capital at its beginning; `str.capitalize` would make all other letters small."""
    return text[:1].upper() + text[1:]


def percent(rate: Mapping[str, Any]) -> str:
    """A rate of 0..1 with its interval, in percent."""
    scaled = [None if rate[k] is None else 100 * rate[k] for k in ("value", "low", "high")]
    return figure(scaled[0], scaled[1], scaled[2], 0, "%")


def markdown(title: str, sections: Sequence[Section]) -> str:
    """The report for a terminal or a repository; plots are told in words, columns of plots left out."""
    lines = [f"# {title}"]
    for section in sections:
        lines += ["", f"## {section.title}"]
        lines += [line for alarm in section.alarms for line in ("", f"**{_flat(alarm)}**")]
        lines += [line for words in section.words for line in ("", _flat(words))]
        for block in section.blocks:
            lines += ["", f"### {_flat(block.title)}"] if block.title else []
            lines += ["", _flat(block.words)] if not isinstance(block, Sample) else []
            lines += ["", *_block(block)]
    return "\n".join(lines) + "\n"


def _block(block: Block) -> list[str]:
    if isinstance(block, Plot):
        return [_flat(block.said)]
    if isinstance(block, Sample):
        lines = [f"### After: {_flat(block.prompt)[:200]}"]
        for arm, text in block.texts.items():
            lines += ["", f"**{_flat(arm)}**", "", *(f"> {_flat(line)}" for line in text.split("\n"))]
        return lines
    kept = [n for n in range(len(block.head)) if not any(isinstance(row[n], Markup) for row in block.rows)]
    lines = [_row([block.head[n] for n in kept]), _row(["---"] * len(kept))]
    return [
        *lines,
        *(_row([row[n] for n in kept]) for row in block.rows),
        *(["", block.source] if block.source else []),
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_flat(cell.replace("\n", "; ")).replace("|", "\\|") for cell in cells) + " |"


def _flat(text: str) -> str:
    """One line in which nothing can be taken for markup: model text may hold HTML."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
