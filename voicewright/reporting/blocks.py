"""What a page is made of: sections of tables, plots and samples, which html.py writes as HTML and this as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from voicewright.core.documents.decision import TargetOutcome
from voicewright.core.documents.intervals import Figure, Interval

Cell = str | Markup
"""Text, whose further lines are small print, or a plot that only the HTML page shows."""
Row = list[Cell]


@dataclass(frozen=True)
class Table:
    """Rows under a caption."""

    caption: str
    header: list[Cell]
    rows: list[Row]
    source: str = ""
    title: str = ""
    folded: bool = False
    """Only its title is visible until it is opened."""


@dataclass(frozen=True)
class Plot:
    """A plot under a caption; `description` stands below it, and for it in report.md."""

    caption: str
    svg: Markup
    description: str
    source: str = ""
    title: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Sample:
    """One prompt and each arm's answer."""

    prompt: str
    kind: str
    texts: dict[str, str]
    title: str = ""
    folded: bool = False


Block = Table | Plot | Sample


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs and blocks."""

    title: str
    paragraphs: list[str]
    blocks: list[Block] = field(default_factory=list)
    folded: bool = False
    alarms: list[str] = field(default_factory=list)
    """Warnings, above the paragraphs."""
    grid: bool = False
    """Whether small blocks stand beside one another."""


def format_number(value: float | None, digits: int | None = 0, like: float = 0.0) -> str:
    """A number, or a dash; `digits` after the point, or None for about three significant ones of it or of `like`."""
    if value is None:
        return "-"
    if digits is None:
        size = max(abs(value), abs(like))
        digits = 0 if size >= 100 else 1 if size >= 10 else 2
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = "0"
    return text.replace("-", "\u2212")


def format_interval(interval: Interval | TargetOutcome | None, digits: int | None = 0, unit: str = "") -> str:
    """A value with its interval, all to as many digits; the interval does not break over lines."""
    if interval is None or interval.value is None:
        return "not available"
    value, low, high = interval.value, interval.low, interval.high
    if low is None or high is None or low == high == value:
        return format_number(value, digits) + unit
    like = max(abs(value), abs(low), abs(high))
    texts = [format_number(part, digits, like) for part in (value, low, high)]
    return f"{texts[0]}{unit} ({texts[1]}\u00a0to\u00a0{texts[2]})"


def format_figure(figure: Figure | None, digits: int | None = None) -> str:
    """A figure of the voice report in a cell: its status where it has no value, a dash where there is none."""
    if figure is None:
        return "-"
    return figure.status if figure.value is None else format_interval(figure, digits)


def format_percent(rate: Interval | None) -> str:
    """A rate of 0..1 with its interval, in percent; a dash where there is none."""
    if rate is None:
        return "-"
    value, low, high = (None if part is None else 100 * part for part in (rate.value, rate.low, rate.high))
    return format_interval(Interval(value=value, low=low, high=high), 0, "%")


def known_ends(intervals: Iterable[Interval | TargetOutcome | None]) -> list[float]:
    """The values and bounds of intervals, as far as they are known: what a scale must hold."""
    parts = (part for each in intervals if each is not None for part in (each.value, each.low, each.high))
    return [part for part in parts if part is not None]


def capitalised(text: str) -> str:
    """The text with a capital at its beginning; `str.capitalize` would make all other letters small."""
    return text[:1].upper() + text[1:]


def markdown(title: str, sections: Sequence[Section]) -> str:
    """The page for a terminal or a repository: descriptions instead of plots, no columns of plots."""
    lines = [f"# {title}"]
    for section in sections:
        lines += ["", f"## {section.title}"]
        lines += [line for alarm in section.alarms for line in ("", f"**{_flat(alarm)}**")]
        lines += [line for paragraph in section.paragraphs for line in ("", _flat(paragraph))]
        for block in section.blocks:
            lines += ["", f"### {_flat(block.title)}"] if block.title else []
            lines += ["", _flat(block.caption)] if not isinstance(block, Sample) else []
            lines += ["", *_block(block)]
    return "\n".join(lines) + "\n"


def _block(block: Block) -> list[str]:
    if isinstance(block, Plot):
        return [_flat(block.description)]
    if isinstance(block, Sample):
        lines = [f"### After: {_flat(block.prompt)[:200]}"]
        for arm, text in block.texts.items():
            lines += ["", f"**{_flat(arm)}**", "", *(f"> {_flat(line)}" for line in text.split("\n"))]
        return lines
    columns = [n for n in range(len(block.header)) if not any(isinstance(row[n], Markup) for row in block.rows)]
    return [
        _row([block.header[n] for n in columns]),
        _row(["---"] * len(columns)),
        *(_row([row[n] for n in columns]) for row in block.rows),
        *(["", block.source] if block.source else []),
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_flat(cell.replace("\n", "; ")).replace("|", "\\|") for cell in cells) + " |"


def _flat(text: str) -> str:
    """One line in which nothing is markup: model text may hold HTML."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
