"""How the training went: its loss and learning rate."""

from __future__ import annotations

from collections.abc import Mapping

from voicewright.reporting.blocks import Block, Plot, Section, format_number
from voicewright.reporting.plots import Line, curve_plot

# A noisy loss is summed up by the mean over this share of its steps, at either end.
END_SHARE = 0.1


def training_section(curves: Mapping[str, Line], source: str) -> Section | None:
    """The losses and the learning rate over the steps; None where there is no log.

    `curves`: (step, value) of `loss`, `eval_loss`, `learning_rate`.
    """
    named = (("training text", "loss"), ("validation text", "eval_loss"))
    lines: dict[str, Line] = {name: curves[key] for name, key in named if len(curves.get(key, ())) > 1}
    if not lines:
        return None
    summary = "; ".join(f"on the {name} {_summary(line)}" for name, line in lines.items())
    caption = (
        "Loss by training step; lower is better. Thin line: training text. Thick line: validation text, on which the "
        "model is not trained. Where the thick line rises while the thin one falls, the model overfits."
    )
    blocks: list[Block] = [Plot(caption, curve_plot(lines, summary), f"Loss {summary}.", source)]
    rates = curves.get("learning_rate", ())
    largest = max((rate for _, rate in rates), default=0.0)
    if len(rates) > 1 and largest > 0:
        summary = f"{_step(rates[-1][0])}, at most {largest:g}"
        percents = [(step, 100 * rate / largest) for step, rate in rates]
        blocks.append(Plot(
            f"Learning rate by training step, in percent of the largest, which is {largest:g}.",
            curve_plot({"learning rate": percents}, summary, 120),
            f"Learning rate up to {summary}.", source, "Learning rate", folded=True,
        ))  # fmt: skip
    return Section("Training", [], blocks)


def _summary(line: Line) -> str:
    width = max(1, round(END_SHARE * len(line)))
    first, last = (sum(y for _, y in part) / width for part in (line[:width], line[-width:]))
    step, lowest = min(line, key=lambda point: point[1])
    ends = f"from {format_number(first, 2)} to {format_number(last, 2)}"
    return f"{ends}, lowest {format_number(lowest, 2)} at {_step(step)}"


def _step(step: float) -> str:
    return f"step {step:,.0f}"
