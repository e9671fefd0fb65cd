"""What is trained, on what, and what neither can do."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from voicewright.recipe.schema.section import Section


class Dimensions(Section):
    """The shape of a decoder, enough to plan memory before anything is downloaded."""

    parameters: int
    """Number of weights."""
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied_embeddings: bool = False
    active_parameters: int | None = None
    """Of a mixture of experts: the weights that one token goes through."""


class Sampling(Section):
    """How text is drawn from a model; the keys are those of the OpenAI-compatible API."""

    temperature: float = Field(0.8, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)
    top_k: int | None = None
    repetition_penalty: float | None = Field(None, gt=0)


class Model(Section):
    """The base model."""

    name: str
    licence: str
    gated: bool = False
    """The hub asks for an accepted licence and a token (HF_TOKEN)."""
    chat: bool
    """The model follows instructions in its chat template; False means raw continuation."""
    context: int = Field(gt=0)
    """Longest sequence in tokens."""
    thinking: bool | None = None
    """Whether it thinks aloud before it answers; null: its template has no such switch."""
    smaller: str | None = None
    """The model of configs/model/ to fall back to when this one does not fit."""
    dimensions: Dimensions
    sampling: Sampling = Sampling()


class Hardware(Section):
    """The machine that trains."""

    name: str
    accelerator: Literal["cpu", "cuda", "mps"]
    memory_gb: float = Field(gt=0)
    """Memory of one accelerator (of the machine, where there is none)."""
    devices: int = Field(1, ge=1)
    """Accelerators of one machine."""
    nodes: int = Field(1, ge=1)
    """Machines that train together, each with `devices`."""
    rendezvous: str | None = None
    """Host and port of the first machine, the same on all: node1:29500"""
    rendezvous_id: str = "voicewright"
    teraflops: float | None = Field(None, gt=0)
    """Dense bfloat16 of one accelerator, for the time in `make plan`."""
    usd_per_hour: float | None = Field(None, ge=0)
    """What renting it costs, for `make plan`; null where nobody rents it."""
    free_gb: float | None = Field(None, gt=0)
    """Memory that must be free on each accelerator before a model is loaded; null: nobody looks."""


class EarlyStopping(Section):
    """When a run may end before its last step: once its loss falls by no more than its own noise."""

    watch: Literal["eval_loss", "loss"] = "eval_loss"
    window: int = Field(3, ge=2)
    """Losses averaged; the last window is compared with the one before it."""
    threshold: float = 1.0
    """The loss must fall by this many standard errors between the two."""
    patience: int = Field(2, ge=1)
    """Looks in a row that must find it flat."""
    min_exposure: float = Field(1.0, ge=0)
    """Epochs before which nothing is stopped: 1 when every row has been seen."""


Rung = Literal["batch", "sequence", "rank", "model"]


class Limit(Section):
    """What a model or a machine cannot do. Keys are dotted paths into the recipe."""

    at_most: dict[str, float] = {}
    at_least: dict[str, float] = {}
    must_be: dict[str, Any] = {}
    instead: dict[str, dict[str, Any]] = {}
    """By key: a value that cannot be, and what takes its place. A value that is not named stays."""


class Limits(Section):
    """Applied after composing: a recipe's value is brought within, an explicit SET is an error."""

    method: Limit = Limit()
    """What a method is ruined by: an explicit SET may go beyond it."""
    model: Limit = Limit()
    hardware: Limit = Limit()
