"""What a recipe may say, under our own keys; `axolotl:` and `vllm:` keep upstream's.

Each field's docstring says what it does; units are in the names.
"""

from __future__ import annotations

from typing import Any, Literal

from voicewright.recipe.schema.data import Asking, Data, Expansion, Questions, RowShape, Source
from voicewright.recipe.schema.evaluation import Blind, Court, Eval, Judge, Published, Serve, Targets
from voicewright.recipe.schema.section import Section
from voicewright.recipe.schema.training import Dimensions, EarlyStopping, Hardware, Limits, Model, Rung, Sampling

__all__ = [
    "Asking",
    "Blind",
    "Court",
    "Data",
    "Dimensions",
    "EarlyStopping",
    "Eval",
    "Expansion",
    "Hardware",
    "Judge",
    "Limits",
    "Model",
    "Published",
    "Questions",
    "Recipe",
    "RowShape",
    "Rung",
    "Sampling",
    "Serve",
    "Source",
    "Targets",
]


class Recipe(Section):
    """A composed recipe: everything one run does."""

    recipe: str
    """The recipe's name."""
    run: str
    """The run's name, a folder under runs/."""
    model: Model
    method: Literal["qlora", "lora", "full", "dpo", "pretrain"]
    after: str | None = None
    """The recipe whose merged model this one starts from; it runs first."""
    early_stopping: EarlyStopping | None = None
    out_of_memory: list[Rung] = ["batch", "sequence", "rank", "model"]
    """What is tried, in this order, when training runs out of memory. batch: a smaller micro batch, goes on;
    sequence: half the length, shorter rows, starts anew; rank: half the rank, anew; model: `model.smaller`, anew."""
    shorter_rows: list[int] = []
    """The lengths that `sequence` goes down to, one after the other, where half of it is not what is wanted."""
    hardware: Hardware
    data: Data
    axolotl: dict[str, Any]
    """Exactly what Axolotl reads, in its own key names."""
    vllm: dict[str, Any] = {}
    """vLLM's arguments, in its own key names."""
    serve: Serve = Serve()
    eval: Eval = Eval()
    targets: Targets = Targets()
    judges: dict[str, Judge] = {}
    blind: Blind = Blind()
    published: list[Published] = []
    """What others reported of the same."""
    limits: Limits = Limits()
