"""Names of arms, kinds of prompt, raters and outcomes on the pages that people read."""

from __future__ import annotations

import re
from collections.abc import Iterable

AUTHOR = "the author"
ARMS = {
    "baseline": "base model",
    "prompted": "prompted base model",
    "finetuned": "fine-tuned model",
    "author": AUTHOR,
    "heldout": "the author's held-out text",
}
CHECKPOINT = re.compile(r"checkpoint-(\d+)$")
KINDS = {"heldout": "openings of held-out text", "training": "openings of training text"}
QUESTIONS = {"voice": "closer to the author's voice", "quality": "better written"}
OUTCOMES = {"pass": "met", "fail": "missed", "inconclusive": "inconclusive", "not available": "not available"}


def arm(name: str) -> str:
    """An arm in plain words."""
    step = CHECKPOINT.match(name)
    return f"checkpoint at step {step.group(1)}" if step else ARMS.get(name, name)


def kind(domain: str) -> str:
    """A kind of prompt in plain words."""
    return KINDS.get(domain, domain.replace("_", " "))


def outcome(name: str) -> str:
    """An outcome in plain words."""
    return OUTCOMES.get(name, name)


def rater(name: str, kind: str) -> str:
    """A reader or judge in plain words."""
    return f"built-in judge ({name})" if kind == "built-in" else name


def ordered(arms: Iterable[str]) -> list[str]:
    """Arms in the order of columns: the known ones, then checkpoints by step, then others by name."""
    known = list(ARMS)

    def place(name: str) -> tuple[int, int, str]:
        step = CHECKPOINT.match(name)
        return (known.index(name) if name in known else len(known), int(step.group(1)) if step else 0, name)

    return sorted(arms, key=place)
