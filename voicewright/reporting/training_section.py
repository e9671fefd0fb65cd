"""How the training went, drawn from what it said of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voicewright.reporting.blocks import Block, Plot, Section, number
from voicewright.reporting.plots import Line, curve

# A noisy loss is summed up by the mean of this share of its steps, at either end.
END = 0.1


def section(curves: Mapping[str, Sequence[tuple[int, float]]], source: str) -> Section | None:
    """The losses over the steps and the size of the steps; None where there is no log.

    `curves`: (step, value) of `loss`, `eval_loss`, `learning_rate`.
    """
    named = (("training text", "loss"), ("validation text", "eval_loss"))
    lines: dict[str, Line] = {name: curves[key] for name, key in named if len(curves.get(key, ())) > 1}
    if not lines:
        return None
    said = "; ".join(f"on the {name} {_told(line)}" for name, line in lines.items())
    words = (
        "How surprised the model was by the next piece of text, step by step: lower is better. The thin line is the "
        "text that it trained on, the thick one text of the author kept aside. When the thick line turns up again "
        "while the thin one falls, the model has begun to learn by heart."
    )
    blocks: list[Block] = [Plot(words, curve(lines, said), f"Loss {said}.", source)]
    rates = curves.get("learning_rate", ())
    largest = max((rate for _, rate in rates), default=0.0)
    if len(rates) > 1 and largest > 0:
        told = f"{_step(rates[-1][0])}, at most {largest:g}"
        words = f"How large a step the training took each time, in percent of the largest (learning rate {largest:g})."
        blocks.append(Plot(
            words, curve({"size of the steps": [(step, 100 * rate / largest) for step, rate in rates]}, told, 120),
            f"Learning rate up to {told}.", source, "How large the steps were", folded=True,
        ))  # fmt: skip
    return Section("Training", [], blocks)


def _told(line: Line) -> str:
    width = max(1, round(END * len(line)))
    first, last = (sum(y for _, y in part) / width for part in (line[:width], line[-width:]))
    lowest = min(line, key=lambda point: point[1])
    return f"from {number(first, 2)} to {number(last, 2)}, lowest {number(lowest[1], 2)} at {_step(lowest[0])}"


def _step(step: float) -> str:
    return f"step {step:,.0f}"
