"""Small plots as inline SVG: no script, no fonts, colours from the page, positions in percent to stay sharp."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from markupsafe import Markup

Line = Sequence[tuple[float, float]]
Scale = tuple[float, float]
# Where a curve begins, right of the labels of its axis, in percent of the width; its height in pixels.
LEFT, HEIGHT = 9, 208
# So many lines are told apart.
KINDS = 8


def _at(position: float, scale: Scale) -> str:
    share = (position - scale[0]) / (scale[1] - scale[0])
    return f"{2 + 96 * min(max(share, 0.0), 1.0):.2f}%"


def around(values: Sequence[float]) -> Scale:
    """A scale that holds all values with a little room; it begins at 0 unless they lie far from there."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    low = 0.0 if 0 < low < 0.35 * high else low
    room = 0.04 * max(high - low, 1e-6)
    return low - (room if low else 0.0), high + room


def strip(
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    scale: Scale,
    marks: Sequence[float] = (),
    target: float | None = None,
    before: float | None = None,
    band: tuple[float, float] | None = None,
    said: str = "",
) -> Markup:
    """An interval on a line: a bar from low to high, a dot at the value, a tick at the target, hairlines at `marks`.

    `before`: a ring where the base stands. `band`: the author's own range. `said` is the alternative text. What lies
    outside `scale` is drawn at its edge.
    """
    parts = []
    if band is not None:
        left, right = (float(_at(bound, scale)[:-1]) for bound in band)
        parts.append(f'<rect class="band" x="{left}%" width="{max(right - left, 1):.2f}%" y="4" height="18"/>')
    parts += [f'<line class="hair" x1="{_at(m, scale)}" x2="{_at(m, scale)}" y1="3" y2="23"/>' for m in marks]
    if low is not None and high is not None:
        parts.append(f'<line class="span" x1="{_at(low, scale)}" x2="{_at(high, scale)}" y1="13" y2="13"/>')
    if target is not None:
        parts.append(f'<line class="target" x1="{_at(target, scale)}" x2="{_at(target, scale)}" y1="2" y2="24"/>')
    if before is not None:
        parts.append(f'<circle class="ring" cx="{_at(before, scale)}" cy="13" r="4.5"/>')
    if value is not None:
        parts.append(f'<circle class="dot" cx="{_at(value, scale)}" cy="13" r="5"/>')
    # Everything in it is a number or escaped.
    return Markup(f'<svg class="strip" role="img" aria-label="{escape(said)}" height="26">{"".join(parts)}</svg>')  # noqa: S704


def axis(scale: Scale, labels: Mapping[float, str]) -> Markup:
    """The head of a column of strips: what its hairlines mark."""
    said = ", ".join(labels.values())
    parts = []
    for mark, label in labels.items():
        place = float(_at(mark, scale)[:-1])
        anchor = "start" if place < 5 else "end" if place > 95 else "middle"
        parts.append(f'<text x="{place}%" y="13" text-anchor="{anchor}">{escape(label)}</text>')
    return Markup(f'<svg class="strip" role="img" aria-label="{escape(said)}" height="18">{"".join(parts)}</svg>')  # noqa: S704


def curve(lines: Mapping[str, Line], said: str, height: int = HEIGHT) -> Markup:
    """Lines over training steps, the first one thin, between labelled axes; each named in its own colour."""
    right = max(x for line in lines.values() for x, _ in line)
    steps = {step: f"{step:,g}" for step in ticks(0, right) if step <= right}
    return _drawn(lines, said, height, "line", steps, "training step")


def many(lines: Mapping[str, Line], said: str, below: str, labels: Mapping[float, str] | None = None) -> Markup:
    """Lines of several models, the first of which is the author's, thick; `below` names the lower axis."""
    right = max(x for line in lines.values() for x, _ in line)
    shown = labels or {x: f"{x:,g}" for x in ticks(0, right) if x <= right}
    return _drawn(lines, said, HEIGHT, "many", shown, below)


def _drawn(
    lines: Mapping[str, Line], said: str, height: int, kind: str, labels: Mapping[float, str], below: str
) -> Markup:
    right = max(x for line in lines.values() for x, _ in line)
    heights = [y for line in lines.values() for _, y in line]
    across = ticks(min(heights), max(heights))
    bottom, top = across[0], across[-1]

    def down(y: float) -> float:
        return 6 + (height - 12) * (top - y) / (top - bottom)

    drawn = [
        f'<line class="hair" x1="{LEFT}%" x2="100%" y1="{down(tick):.1f}" y2="{down(tick):.1f}"/>'
        f'<text x="{LEFT - 1}%" y="{down(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        for tick in across
    ]
    drawn.append(f'<svg x="{LEFT}%" width="{100 - LEFT}%" height="{height}" viewBox="0 0 100 {height}" '
                 'preserveAspectRatio="none" aria-hidden="true">')  # fmt: skip
    for number, line in enumerate(lines.values()):
        path = " ".join(f"{100 * x / max(right, 1e-9):.2f},{down(y):.1f}" for x, y in line)
        drawn.append(f'<polyline class="{kind}{number % KINDS}" points="{path}" vector-effect="non-scaling-stroke"/>')
    drawn.append("</svg>")
    for x, label in labels.items():
        place = LEFT + (100 - LEFT) * x / max(right, 1e-9)
        anchor = "end" if place > 97 else "middle"
        drawn.append(f'<text x="{place:.2f}%" y="{height + 14}" text-anchor="{anchor}">{escape(label)}</text>')
    drawn.append(f'<text x="100%" y="{height + 30}" text-anchor="end">{escape(below)}</text>')
    keys = "".join(
        f'<span><svg class="key" aria-hidden="true"><line class="{kind}{number % KINDS}" x2="100%" y1="5" y2="5"/>'
        f"</svg>{escape(name)}</span>"
        for number, name in enumerate(lines)
    )
    return Markup(  # noqa: S704
        f'<div class="legend">{keys}</div><svg class="curve" role="img" aria-label="{escape(said)}" '
        f'height="{height + 36}">{"".join(drawn)}</svg>'
    )


def shade(value: float, said: str) -> Markup:
    """A figure of 0 to 1 on a ground that is the darker the larger it is."""
    return Markup(  # noqa: S704
        f'<svg class="shade" role="img" aria-label="{escape(said)}" height="26"><rect width="100%" height="100%" '
        f'fill-opacity="{0.55 * min(max(value, 0.0), 1.0) ** 3:.2f}"/><text x="50%" y="17" text-anchor="middle">'
        f"{value:.2f}</text></svg>"
    )


def ticks(low: float, high: float) -> list[float]:
    """Round numbers at even steps, three to six of them, that enclose both."""
    # A flat line is drawn with some room around it.
    rough = max(high - low, abs(high) / 50, 1e-6) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(n * step, 12) for n in range(first, max(last, first + 1) + 1)]
