"""What to try next, from what was measured, each as a line that can be pasted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from voicewright.decision.targets import HOPELESS, Held
from voicewright.recipe.schema import Recipe

# A training loss that falls by less than this share between its first and last third has not learnt much.
FLAT = 0.05
# An evaluation loss this much above its lowest has turned.
TURNED = 1.01


@dataclass(frozen=True)
class Advice:
    """One thing to try: what was seen, why this helps, and the settings, as `SET=` takes them."""

    seen: str
    do: str
    command: str | None = None


def advise(recipe: Recipe, held: dict[str, Held], losses: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Advice in the order in which to try it; `losses` is the trainer's log_history."""
    found: list[Advice] = []
    short = {name for name, h in held.items() if h.outcome in ("fail", "inconclusive")}
    failed = {name for name, h in held.items() if h.outcome == "fail"}
    epochs, rank = int(recipe.axolotl.get("num_epochs") or 1), int(recipe.axolotl.get("lora_r") or 16)
    rate = float(recipe.axolotl.get("learning_rate") or 2e-4)

    def add(seen: str, do: str, *settings: str) -> None:
        line = f'make all RECIPE={recipe.recipe} SET="{" ".join(settings)}"' if settings else None
        found.append(Advice(seen, do, line))

    turned = _turned(losses)
    if "copying" in failed:
        add(
            "the model repeats stretches of its training text",
            "train for fewer epochs, and give it more text",
            f"axolotl.num_epochs={max(1, epochs // 2)}",
            "axolotl.lora_dropout=0.1",
        )
    if _flat(losses):
        add(
            "the training loss hardly fell",
            "a higher learning rate",
            f"axolotl.learning_rate={max(3e-4, 1.5 * rate):g}",
        )
    elif "transfer" in failed and "copying" not in failed and not turned:
        add(
            "the voice has moved too little from the base model",
            "train longer and with a larger adapter",
            f"axolotl.num_epochs={max(5, round(1.5 * epochs))}",
            f"axolotl.lora_r={max(32, 2 * rank)}",
            f"axolotl.lora_alpha={2 * max(32, 2 * rank)}",
        )
    if turned:
        add(
            "the evaluation loss rose again before the end: it began to learn by heart",
            "stop earlier, or add text",
            f"axolotl.num_epochs={max(1, epochs - 1)}",
            "axolotl.lora_dropout=0.1",
        )
    if "pov" in failed:
        add(
            "the point of view slips",
            "longer passages, so that each shows the view being kept",
            f"data.min_tokens={min(2 * recipe.data.min_tokens, recipe.data.max_tokens // 2)}",
        )
    if {"vocabulary", "transfer"} <= failed and "prompted" in short:
        add(
            "the text stays generic, and showing passages to the base does as well",
            "a base with less polish of its own: "
            "a pretrained model instead of an instruction-tuned one, or a smaller one (model=..., see configs/model)",
        )
    if "forgetting" in failed:
        add(
            "the model lost what the base could do",
            "a lower learning rate and a smaller adapter",
            f"axolotl.learning_rate={rate / 2:g}",
            f"axolotl.lora_r={max(4, rank // 2)}",
        )
    unidentified = [h for h in held.values() if h.why and ("identif" in h.why or "held-out" in h.why)]
    if unidentified:
        add(
            f"{unidentified[0].title.lower()} could not be calibrated",
            "hold out more of the author's text",
            f"data.heldout_share={min(0.3, 2 * recipe.data.heldout_share):g}",
        )
    return [asdict(advice) for advice in [*found, *_for_votes(recipe, held)]]


def _for_votes(recipe: Recipe, held: dict[str, Held]) -> list[Advice]:
    blind = held.get("blind")
    if blind is None or blind.outcome in ("pass", "fail"):
        return []
    if blind.needs and blind.needs.startswith(HOPELESS):
        return []
    packet = f"make blind RECIPE={recipe.recipe}"
    return [Advice(blind.why or "the blind win rate straddles its target", blind.needs or "gather votes", packet)]


def _flat(losses: Sequence[dict[str, Any]]) -> bool:
    trained = [float(row["loss"]) for row in losses if "loss" in row]
    third = len(trained) // 3
    if third < 2:
        return False
    first, last = sum(trained[:third]) / third, sum(trained[-third:]) / third
    return last > (1 - FLAT) * first


def _turned(losses: Sequence[dict[str, Any]]) -> bool:
    evaluated = [float(row["eval_loss"]) for row in losses if "eval_loss" in row]
    return len(evaluated) >= 3 and evaluated[-1] > TURNED * min(evaluated)
