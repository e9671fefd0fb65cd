"""What to try next, from what was measured: each with the settings that try it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from voicewright.core.documents.decision import Advice, TargetOutcome
from voicewright.decision.targets import UNLIKELY
from voicewright.recipe.schema import Recipe

# A training loss that falls by less than this share between its first and its last third is flat.
MIN_FALL = 0.05
# An evaluation loss that ends this much above its lowest has risen.
MAX_RISE = 1.01


@dataclass(frozen=True)
class Losses:
    """The losses of a training, in the order of the steps."""

    train: list[float] = field(default_factory=list)
    evaluation: list[float] = field(default_factory=list)


def advise(recipe: Recipe, outcomes: Mapping[str, TargetOutcome], losses: Losses) -> list[Advice]:
    """Advice in the order in which to try it; every command is complete and works as printed."""
    result: list[Advice] = []
    failed = {name for name, outcome in outcomes.items() if outcome.outcome == "fail"}
    not_met = failed | {name for name, outcome in outcomes.items() if outcome.outcome == "inconclusive"}
    epochs, rank = int(recipe.axolotl.get("num_epochs") or 1), int(recipe.axolotl.get("lora_r") or 16)
    rate = float(recipe.axolotl.get("learning_rate") or 2e-4)

    def add(observation: str, action: str, *settings: str) -> None:
        command = f'make all RECIPE={recipe.recipe} SET="{" ".join(settings)}"' if settings else None
        result.append(Advice(observation=observation, action=action, command=command))

    has_risen = _has_risen(losses.evaluation)
    if "copying" in failed:
        add(
            "the model copies spans of its training text",
            "train for fewer epochs, and add text",
            f"axolotl.num_epochs={max(1, epochs // 2)}",
            "axolotl.lora_dropout=0.1",
        )
    if _is_flat(losses.train):
        add(
            f"the training loss fell by less than {MIN_FALL:.0%}",
            "raise the learning rate",
            f"axolotl.learning_rate={max(3e-4, 1.5 * rate):g}",
        )
    elif "transfer" in failed and "copying" not in failed and not has_risen:
        add(
            "the model's voice is still close to the base model's",
            "train longer, with an adapter of higher rank",
            f"axolotl.num_epochs={max(5, round(1.5 * epochs))}",
            f"axolotl.lora_r={max(32, 2 * rank)}",
            f"axolotl.lora_alpha={2 * max(32, 2 * rank)}",
        )
    if has_risen:
        add(
            "the evaluation loss rose again before the end, a sign of memorization",
            "train for fewer epochs, or add text",
            f"axolotl.num_epochs={max(1, epochs - 1)}",
            "axolotl.lora_dropout=0.1",
        )
    if "pov" in failed:
        add(
            "the point of view differs from the author's",
            "train on longer passages, each of which shows the point of view for longer",
            f"data.min_tokens={min(2 * recipe.data.min_tokens, recipe.data.max_tokens // 2)}",
        )
    if {"vocabulary", "transfer"} <= failed and "prompted" in not_met:
        add(
            "the text is generic, and the base model shown passages does as well",
            "use a base model with less style of its own: a pretrained one instead of an instruction-tuned one, or a "
            "smaller one (model=..., see configs/model)",
        )
    if "forgetting" in failed:
        add(
            "the model lost abilities of the base model",
            "lower the learning rate and the adapter's rank",
            f"axolotl.learning_rate={rate / 2:g}",
            f"axolotl.lora_r={max(4, rank // 2)}",
        )
    uncalibrated = [o for o in outcomes.values() if o.why and ("identif" in o.why or "held-out" in o.why)]
    if uncalibrated:
        add(
            f"{uncalibrated[0].title.lower()} could not be calibrated",
            "hold out more of the author's text",
            f"data.heldout_share={min(0.3, 2 * recipe.data.heldout_share):g}",
        )
    return [*result, *_more_votes(recipe, outcomes.get("blind"))]


def _more_votes(recipe: Recipe, blind: TargetOutcome | None) -> list[Advice]:
    """Advice to gather votes, where they are missing or more of them are likely to decide the win rate."""
    if blind is None or blind.outcome in ("pass", "fail") or (blind.needs or "").startswith(UNLIKELY):
        return []
    observation = blind.why or "the interval of the blind win rate holds its target"
    action = f"get {blind.needs}" if blind.needs else "get votes of readers"
    return [Advice(observation=observation, action=action, command=f"make blind RUN={recipe.run}")]


def _is_flat(losses: Sequence[float]) -> bool:
    third = len(losses) // 3
    if third < 2:
        return False
    first, last = sum(losses[:third]) / third, sum(losses[-third:]) / third
    return last > (1 - MIN_FALL) * first


def _has_risen(losses: Sequence[float]) -> bool:
    return len(losses) >= 3 and losses[-1] > MAX_RISE * min(losses)
