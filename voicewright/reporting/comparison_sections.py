"""Models side by side: each measure, habit by habit, sentence lengths, learning, likeness, words, and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from voicewright.core import labels as names
from voicewright.metrics.keyness import KeyTerm
from voicewright.reporting.blocks import Block, Plot, Sample, Section, Table, capital, ends, figure, number
from voicewright.reporting.plots import Line, Scale, around, axis, many, shade, strip, ticks
from voicewright.stylometry.features import Floats

Row = Mapping[str, Any]


def measures_section(measures: Sequence[Mapping[str, Any]]) -> Section:
    """`measures`: title, definition, unit, rows (model, figure), and the author's mark and band, which may be None."""
    blocks: list[Block] = []
    for measure in measures:
        known = ends(row for _, row in measure["rows"])
        scale = around([*known, *(each for each in (measure["mark"], *(measure["band"] or ())) if each is not None)])
        rows: list[list[str | Markup]] = [
            [name, _value(row, measure["unit"]), _strip(name, row, scale, measure["mark"], measure["band"])]
            for name, row in measure["rows"]
        ]  # fmt: skip
        blocks.append(
            Table(f"{measure['definition']} ({measure['unit']})", ["", "", _ends(scale)], rows, title=measure["title"])
        )
    said = (
        "The dot is the figure, the bar what chance allows (95%). The upright stroke is the author's own level, the "
        "shaded band holds eight of ten of the author's passages."
    )
    return Section("Every measure", [said], blocks, grid=True)


def _value(row: Row, unit: str) -> str:
    if row["value"] is not None:
        return number(row["value"], 0 if unit.startswith(("percent of the", "words of")) else None)
    return "\n".join(filter(None, [row["status"], row["why"]]))


def _ends(scale: Scale) -> Markup:
    """The lowest and the highest round number of a scale."""
    inside = [tick for tick in ticks(*scale) if scale[0] <= tick <= scale[1]]
    return axis(scale, {tick: f"{tick:,g}" for tick in (inside[:1] + inside[-1:])})


def _strip(name: str, row: Row, scale: Scale, mark: float | None, band: Sequence[float] | None) -> Markup:
    said = f"{name}: {figure(row['value'], row['low'], row['high'], None)}"
    shaded = (band[0], band[1]) if band else None
    return strip(row["value"], row["low"], row["high"], scale=scale, target=mark, band=shaded, said=said)


def habits_section(habits: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]) -> Section:
    """How much each habit varies from passage to passage: (title, unit) -> whose text -> (tenth, median, ninetieth)."""
    blocks: list[Block] = []
    for (title, unit), by_name in habits.items():
        scale = around([value for quantiles in by_name.values() for value in quantiles])
        own = by_name[names.AUTHOR]
        rows: list[list[str | Markup]] = [
            [name, number(middle, None, high),
             strip(middle, low, high, scale=scale, band=(own[0], own[2]), said=f"{name}: {low:.1f} to {high:.1f}")]
            for name, (low, middle, high) in by_name.items()
        ]  # fmt: skip
        words = f"{capital(unit)}, in the middle passage."
        blocks.append(Table(words, ["", "", _ends(scale)], rows, title=capital(title)))
    said = (
        "A voice is not only how much of a habit there is but how it comes and goes. The bar holds eight of ten "
        "passages, the dot is the middle one, the shaded band the author's."
    )
    return Section("From passage to passage", [said], blocks, grid=True)


def lengths_section(shares: Mapping[str, Sequence[float]], edges: Sequence[float]) -> Section:
    """How many sentences are how long: percent in each bin, the author's first."""
    labels = {float(i): f"to {edge:g}" for i, edge in enumerate(edges)} | {float(len(edges)): "more"}
    lines: dict[str, Line] = {name: list(enumerate(map(float, values))) for name, values in shares.items()}
    words = "How many sentences, in percent, are how long; the author's line is the thick one."
    said = "; ".join(f"{name}: {max(values):.0f}% at most in one bin" for name, values in shares.items())
    return Section("Sentence lengths", [], [Plot(words, many(lines, said, "words of a sentence", labels), "")])


def learning_section(curves: Mapping[str, Line]) -> Section | None:
    """Transfer of each run's checkpoints by step; None where none was measured."""
    if not curves:
        return None
    right = max(step for line in curves.values() for step, _ in line)
    lines: dict[str, Line] = {"the author's unseen text": [(0, 100.0), (right, 100.0)], **curves}
    said = "; ".join(f"{name}: {line[-1][1]:.0f} at step {line[-1][0]:g}" for name, line in curves.items())
    words = (
        "Voice transfer of each checkpoint, by training step: where a line bends down, training longer did not help."
    )
    return Section("Learning curve", [], [Plot(words, many(lines, said, "training step"), f"{said}.")])


def likeness_section(arms: Sequence[str], values: Floats) -> Section:
    """Similarities of all bodies of text with one another."""
    rows: list[list[str | Markup]] = [
        [
            name,
            *(shade(float(values[i, j]), f"{name} and {other}: {values[i, j]:.2f}") for j, other in enumerate(arms)),
        ]
        for i, name in enumerate(arms)
    ]
    words = (
        "How alike the runs of three to five letters are between all models and the author (TF-IDF, cosine): 1 is the "
        "same text."
    )
    return Section("Who is like whom", [], [Table(words, ["", *arms], rows)])


def words_section(
    keyed: Mapping[str, tuple[Sequence[KeyTerm], Sequence[KeyTerm], Sequence[KeyTerm], Sequence[KeyTerm]]],
) -> Section:
    """Words and phrases said too often and too seldom against the author: model -> (over, under, phrases, lacking)."""
    rows: list[list[str | Markup]] = [
        [name, _cloud(over, "over", phrases), _cloud(under, "under", lacking)]
        for name, (over, under, phrases, lacking) in keyed.items()
    ]
    words = (
        "The words by which a model is told from the author: the larger, the stronger (log-likelihood). Below each "
        "cloud stand the phrases of three words."
    )
    return Section(
        "Words that give a model away", [], [Table(words, ["Model", "Said too often", "Said too seldom"], rows)]
    )


def _cloud(keys: Sequence[KeyTerm], kind: str, phrases: Sequence[KeyTerm]) -> Markup:
    top = max([abs(key.score) for key in keys], default=1.0)
    # Areas, not lengths, follow the score.
    spans = [
        Markup('<span class="{}" style="font-size: {:.2f}em">{}</span>').format(
            kind, 0.8 + 1.2 * (abs(key.score) / top) ** 0.5, key.term
        )
        for key in sorted(keys, key=lambda key: key.term)
    ]
    said = escape("; ".join(key.term for key in phrases) or "none")
    return Markup('<div class="cloud">{}</div><small>{}</small>').format(Markup(" ").join(spans), said)


def answers_section(shared: Sequence[Sample]) -> Section:
    """What all models answered to the same prompts."""
    words = "The first answer of each model, nothing chosen." if shared else "No prompt was put to all of them."
    return Section("The same prompts", [words], list(shared))
