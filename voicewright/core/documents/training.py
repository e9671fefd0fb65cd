"""What training and merging write: the inputs of a training, the parity of the merge, the checkpoints compared."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator

from voicewright.core.documents.base import Document


class TrainingInputs(Document):
    """`adapter/begun.json`: what a training may only be resumed with."""

    batch: int
    """Rows of one optimizer step in one process, however they are divided into micro batches."""
    axolotl: dict[str, Any]
    """axolotl.yaml, less the keys that leave the weights as they would be."""
    rows: dict[str, str]
    """Digest of each row file, by its path in the run."""
    base: str
    """Digest of the base model's folder; "absent" where it comes from the hub, whose name the YAML holds."""


class Parity(Document):
    """How far a merged model is from base plus adapter."""

    tensors: int
    """Tensors that were compared."""
    worst_tensor: str | None = None
    worst_relative: float
    """|merged - expected| / |expected| (Frobenius norm) of that tensor."""
    tokens: int
    """Tokens whose log-probabilities were compared."""
    mean_abs_nats: float
    """Mean absolute difference of a token's log-probability."""
    max_abs_nats: float | None = None
    adapter_moved_nats: float
    """The same between base and base plus adapter: the scale of the other differences."""
    unquantised_gap_nats: float | None = None
    """The same between the merged model and the adapter on the base before 4 bits; None without 4 bits."""


class ScoredText(Document):
    """An entry of `parity_tokens.json`: a text, and what the merged model gives to its tokens."""

    ids: list[int]
    log_probabilities: list[float]
    """Of each token but the first, in nats."""


class MergedModel(Document):
    """`voicewright.json` beside a merged model's weights: which checkpoint of which run it is."""

    run: str
    step: int
    parity: Parity | None = None
    """Absent where every weight was trained and nothing was merged."""

    @field_validator("parity", mode="before")
    @classmethod
    def _empty_is_absent(cls, value: object) -> object:
        return value or None  # earlier versions wrote {}


class CheckpointScores(Document):
    """What is known of one checkpoint; None where it was not measured."""

    step: int
    eval_loss: float | None = None
    transfer: float | None = None
    """Voice transfer: 0 is the base model, 100 the author's held-out text."""
    transfer_high: float | None = None
    """Upper end of its 95% interval."""
    copying: float | None = None
    """Words of the longest span copied from the training text."""
    copies: bool = False
    """Whether the voice report fails it for copying."""
    bits: float | None = None
    """Bits per character of held-out text."""


class CheckpointComparison(Document):
    """`checkpoints.json`: all checkpoints of a run compared."""

    best: int
    """The step to merge."""
    why: str
    checkpoints: list[CheckpointScores]
