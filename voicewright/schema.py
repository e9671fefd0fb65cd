"""What a recipe may say, under our own keys; `axolotl:` and `vllm:` keep upstream's.

Each field's docstring is what `make show-config` and an error message print. Units are in the names.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A mapping in which an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, validate_default=True)


# --- model, method, hardware -----------------------------------------------------------------


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
    dimensions: Dimensions
    sampling: Sampling = Sampling()


class Hardware(Section):
    """The machine that trains."""

    name: str
    accelerator: Literal["cpu", "cuda", "mps"]
    memory_gb: float = Field(gt=0)
    """Memory of one accelerator (of the machine, where there is none)."""
    devices: int = Field(1, ge=1)


# --- data ------------------------------------------------------------------------------------

Shape = Literal["completion", "chat", "preference"]


class Source(Section):
    """A file, a folder or a glob with material."""

    path: str
    shape: Shape = "completion"
    weight: float = Field(1.0, gt=0)
    """How often its rows are drawn, relative to the other sources."""


class Data(Section):
    """What `prepare` makes of the sources."""

    sources: dict[str, Source]
    """By name: lists do not merge, mappings do."""
    min_tokens: int = Field(64, ge=1)
    """Chunks are no shorter, save where a chapter is."""
    max_tokens: int = Field(480, ge=16)
    """Chunks are no longer, ever."""
    val_share: float = Field(0.1, gt=0, lt=0.5)
    """Share of the words that Axolotl evaluates on, in whole chapters."""
    heldout_share: float = Field(0.1, gt=0, lt=0.5)
    """Share of the words that training never sees and the benchmarks measure against, in whole chapters."""
    seed: int = 20

    @model_validator(mode="after")
    def _bounds_leave_a_range(self) -> Data:
        if self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens {self.min_tokens} is above max_tokens {self.max_tokens}")
        return self


# --- serve -----------------------------------------------------------------------------------


class Serve(Section):
    """Where the two endpoints are. Their arguments are under `vllm:`."""

    engine: Literal["vllm", "external"] = "vllm"
    """external: somebody else's OpenAI-compatible servers at the two URLs."""
    host: str = "127.0.0.1"
    baseline_port: int = Field(8000, ge=1, le=65535)
    finetuned_port: int = Field(8002, ge=1, le=65535)
    baseline_url: str | None = None
    """For external: for example http://127.0.0.1:11434/v1"""
    finetuned_url: str | None = None
    ready_timeout_s: int = Field(900, gt=0)
    """How long a server may take to load before it counts as stuck."""


# --- eval, judges ----------------------------------------------------------------------------


class Eval(Section):
    """What is generated and measured."""

    prompts: list[str] = ["narrative"]
    """Files of `benchmarks/prompts/` without their ending; [] for held-out openings alone."""
    openings: int = Field(24, ge=0)
    """How many openings of held-out passages are continued."""
    opening_words: int = Field(60, ge=1)
    samples: int = Field(2, ge=1)
    """Generations a prompt, each with a seed of its own."""
    max_words: int = Field(300, ge=20)
    """Length of a generation, the same for every arm."""
    prompted_passages: int = Field(3, ge=0)
    """Training passages shown to the base model in the `prompted` arm; 0 leaves the arm out."""
    concurrency: int = Field(32, ge=1)
    seed: int = 20
    bootstrap: int = Field(2000, ge=100)
    """Resamples behind each interval."""


class Targets(Section):
    """What the fine-tuned model must reach: the lower 95% bound above each."""

    transfer: float = 60
    vocabulary: float = 70
    structure: float = 65
    markers: float = 50
    pov: float = 80
    blind: float = 60


class Judge(Section):
    """One judge of the blind comparison."""

    kind: Literal["stylometric"] = "stylometric"


# --- limits ----------------------------------------------------------------------------------


class Limit(Section):
    """What a model or a machine cannot do. Keys are dotted paths into the recipe."""

    at_most: dict[str, float] = {}
    at_least: dict[str, float] = {}
    must_be: dict[str, Any] = {}


class Limits(Section):
    """Applied after composing: a recipe's value is brought within, an explicit SET is an error."""

    model: Limit = Limit()
    hardware: Limit = Limit()


class Recipe(Section):
    """A composed recipe: everything one run does."""

    recipe: str
    """The recipe's name."""
    run: str
    """The run's name, a folder under runs/."""
    model: Model
    method: Literal["qlora", "lora", "full", "dpo", "pretrain"]
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
    limits: Limits = Limits()
