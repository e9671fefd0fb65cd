"""Small plots as inline SVG: no script, no fonts, colours from the page, positions in percent to stay sharp."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from markupsafe import Markup

from voicewright.core.documents.decision import TargetOutcome
from voicewright.core.documents.intervals import Interval

Line = Sequence[tuple[float, float]]
Scale = tuple[float, float]
# Where a curve begins, right of the labels of its axis, in percent of the width; its height in pixels.
LEFT, HEIGHT = 9, 208
# So many line styles page.css has.
LINE_STYLES = 8


def _x(position: float, scale: Scale) -> str:
    share = (position - scale[0]) / (scale[1] - scale[0])
    return f"{2 + 96 * min(max(share, 0.0), 1.0):.2f}%"


def scale_around(values: Sequence[float]) -> Scale:
    """A scale that holds all values with a little room; it begins at 0 unless they lie far from it."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    low = 0.0 if 0 < low < 0.35 * high else low
    room = 0.04 * max(high - low, 1e-6)
    return low - (room if low else 0.0), high + room


def percent_scale(intervals: Iterable[Interval | TargetOutcome]) -> Scale:
    """A scale from 0 to 100 that extends as far as -60 and 160 where intervals do."""
    ends = [end for each in intervals for end in (each.value, each.low, each.high) if end is not None]
    return max(min([0.0, *ends]), -60.0), min(max([100.0, *ends]), 160.0)


def interval_strip(
    interval: Interval | TargetOutcome | None,
    *,
    scale: Scale,
    alt: str,
    marks: Sequence[float] = (),
    target: float | None = None,
    base: float | None = None,
    band: tuple[float, float] | None = None,
) -> Markup:
    """An interval on a line: a bar from low to high and a dot at the value.

    `marks`: hairlines. `target`: an upright stroke. `base`: a ring where the base model stands. `band`: the author's
    own range. `alt`: the alternative text. Positions outside `scale` are moved to its edge.
    """
    value, low, high = (interval.value, interval.low, interval.high) if interval is not None else (None, None, None)
    parts = []
    if band is not None:
        left, right = (float(_x(bound, scale)[:-1]) for bound in band)
        parts.append(f'<rect class="band" x="{left}%" width="{max(right - left, 1):.2f}%" y="4" height="18"/>')
    parts += [f'<line class="hair" x1="{_x(m, scale)}" x2="{_x(m, scale)}" y1="3" y2="23"/>' for m in marks]
    if low is not None and high is not None:
        parts.append(f'<line class="span" x1="{_x(low, scale)}" x2="{_x(high, scale)}" y1="13" y2="13"/>')
    if target is not None:
        parts.append(f'<line class="target" x1="{_x(target, scale)}" x2="{_x(target, scale)}" y1="2" y2="24"/>')
    if base is not None:
        parts.append(f'<circle class="ring" cx="{_x(base, scale)}" cy="13" r="4.5"/>')
    if value is not None:
        parts.append(f'<circle class="dot" cx="{_x(value, scale)}" cy="13" r="5"/>')
    # Everything in it is a number or escaped.
    return Markup(f'<svg class="strip" role="img" aria-label="{escape(alt)}" height="26">{"".join(parts)}</svg>')  # noqa: S704


def strip_axis(scale: Scale, labels: Mapping[float, str]) -> Markup:
    """The header of a column of strips: labels at positions of the scale."""
    alt = ", ".join(labels.values())
    parts = []
    for mark, label in labels.items():
        x = float(_x(mark, scale)[:-1])
        anchor = "start" if x < 5 else "end" if x > 95 else "middle"
        parts.append(f'<text x="{x}%" y="13" text-anchor="{anchor}">{escape(label)}</text>')
    return Markup(f'<svg class="strip" role="img" aria-label="{escape(alt)}" height="18">{"".join(parts)}</svg>')  # noqa: S704


def curve_plot(lines: Mapping[str, Line], alt: str, height: int = HEIGHT) -> Markup:
    """Lines over training steps, the first one thin, with axes and a legend."""
    right = max(x for line in lines.values() for x, _ in line)
    steps = {step: f"{step:,g}" for step in ticks(0, right) if step <= right}
    return _plot(lines, alt, height, "line", steps, "training step")


def comparison_plot(
    lines: Mapping[str, Line], alt: str, x_label: str, labels: Mapping[float, str] | None = None
) -> Markup:
    """Lines of several models, the first of which is the author's and thick; `labels`: ticks of the x axis."""
    right = max(x for line in lines.values() for x, _ in line)
    ticks_x = labels or {x: f"{x:,g}" for x in ticks(0, right) if x <= right}
    return _plot(lines, alt, HEIGHT, "many", ticks_x, x_label)


def _plot(
    lines: Mapping[str, Line], alt: str, height: int, kind: str, labels: Mapping[float, str], x_label: str
) -> Markup:
    right = max(x for line in lines.values() for x, _ in line)
    heights = [y for line in lines.values() for _, y in line]
    y_ticks = ticks(min(heights), max(heights))
    bottom, top = y_ticks[0], y_ticks[-1]

    def y_pixels(y: float) -> float:
        return 6 + (height - 12) * (top - y) / (top - bottom)

    elements = [
        f'<line class="hair" x1="{LEFT}%" x2="100%" y1="{y_pixels(tick):.1f}" y2="{y_pixels(tick):.1f}"/>'
        f'<text x="{LEFT - 1}%" y="{y_pixels(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        for tick in y_ticks
    ]
    elements.append(f'<svg x="{LEFT}%" width="{100 - LEFT}%" height="{height}" viewBox="0 0 100 {height}" '
                 'preserveAspectRatio="none" aria-hidden="true">')  # fmt: skip
    styles = [f"{kind}{number % LINE_STYLES}" for number in range(len(lines))]
    for style, line in zip(styles, lines.values(), strict=True):
        path = " ".join(f"{100 * x / max(right, 1e-9):.2f},{y_pixels(y):.1f}" for x, y in line)
        elements.append(f'<polyline class="{style}" points="{path}" vector-effect="non-scaling-stroke"/>')
    elements.append("</svg>")
    for x, label in labels.items():
        x_percent = LEFT + (100 - LEFT) * x / max(right, 1e-9)
        anchor = "end" if x_percent > 97 else "middle"
        elements.append(f'<text x="{x_percent:.2f}%" y="{height + 14}" text-anchor="{anchor}">{escape(label)}</text>')
    elements.append(f'<text x="100%" y="{height + 30}" text-anchor="end">{escape(x_label)}</text>')
    keys = "".join(
        f'<span><svg class="key" aria-hidden="true"><line class="{style}" x2="100%" y1="5" y2="5"/></svg>'
        f"{escape(name)}</span>"
        for style, name in zip(styles, lines, strict=True)
    )
    return Markup(  # noqa: S704
        f'<div class="legend">{keys}</div><svg class="curve" role="img" aria-label="{escape(alt)}" '
        f'height="{height + 36}">{"".join(elements)}</svg>'
    )


def shaded_number(value: float, alt: str) -> Markup:
    """A number in 0..1 on a background that is darker for a larger one."""
    return Markup(  # noqa: S704
        f'<svg class="shade" role="img" aria-label="{escape(alt)}" height="26"><rect width="100%" height="100%" '
        f'fill-opacity="{0.55 * min(max(value, 0.0), 1.0) ** 3:.2f}"/><text x="50%" y="17" text-anchor="middle">'
        f"{value:.2f}</text></svg>"
    )


def ticks(low: float, high: float) -> list[float]:
    """Round numbers at even steps, three to six of them, that enclose both."""
    # A flat line gets some room around it.
    rough = max(high - low, abs(high) / 50, 1e-6) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(n * step, 12) for n in range(first, max(last, first + 1) + 1)]
