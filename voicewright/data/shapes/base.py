"""What a shape is given and what it returns, and the registry of shapes."""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

from voicewright.core.documents.base import Document
from voicewright.core.documents.stats import Drop, QuestionStats
from voicewright.core.records import content_id
from voicewright.core.rows import TrainingRow
from voicewright.data import shapes
from voicewright.data.chat_templates import Template
from voicewright.data.chunking import Boundary
from voicewright.data.sources import File
from voicewright.data.tokenizers import TokenCounter
from voicewright.recipe.schema import Data, RowShape, Source


@dataclass(frozen=True)
class ShapeContext:
    """What a shape makes rows from."""

    source_name: str
    source: Source
    files: list[File]
    data: Data
    counter: TokenCounter
    template: Template | None
    """The model's chat template, where it has one."""
    min_tokens: int
    max_tokens: int
    """The bounds of the recipe, as far as sequence_len allows them."""
    questions_url: str = ""
    """Where `data.qa.url` answers now: the run's own server may have found its port busy."""


@dataclass(frozen=True)
class PreparedRow:
    """One row, and what it must stay together with when the splits are drawn."""

    row: TrainingRow
    source: str
    """Name of the recipe's source."""
    unit: str
    """Its chapter or thread, which is never divided between splits."""
    part: str
    """Its scene, or itself: what stays whole where there are too few units."""
    bounds_exception: str | None = None
    """Why it is out of the token bounds or cut inside a sentence, where it is."""
    ends_at: Boundary | None = None
    """Of a passage of prose."""

    @property
    def shape(self) -> RowShape:
        """The folder of data/ that it is written to."""
        if self.row.chosen is not None:
            return "preference"
        return "completion" if self.row.text is not None else "chat"

    @property
    def trained_words(self) -> int:
        """Words that the loss is taken on: of a raw text all of them, tags of a mode included."""
        return len((self.row.author_text if self.row.text is None else self.row.text).split())


@dataclass
class ShapeOutput:
    """The rows of one source, or of several."""

    rows: list[PreparedRow] = field(default_factory=list)
    dropped: list[Drop] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Full sentences; any of them refuses the material."""
    question_stats: dict[str, QuestionStats] = field(default_factory=dict)
    """By source of shape qa."""
    mode_replies: list[tuple[str, str]] = field(default_factory=list)
    """Mode and reply of each memory. They are measured over all sources: their balance is the recipe's."""
    files: dict[str, str | list[Document]] = field(default_factory=dict)
    """Files to write beside the rows, by their path in data/: cleaned texts, intermediate steps."""

    def add(self, other: ShapeOutput) -> None:
        self.rows += other.rows
        self.dropped += other.dropped
        self.problems += other.problems
        self.question_stats |= other.question_stats
        self.mode_replies += other.mode_replies
        self.files |= other.files

    def drop(self, place: str, reason: str, words: int = 0) -> None:
        """Record material that is left out."""
        self.dropped.append(Drop(source=place, reason=reason, words=words))


Build = Callable[[ShapeContext], ShapeOutput]


@dataclass(frozen=True)
class Shape:
    """A registered shape."""

    rows: RowShape
    build: Build


_SHAPES: dict[str, Shape] = {}


def shape(name: str, *, rows: RowShape) -> Callable[[Build], Build]:
    """Register a function as the recipe's shape `name`, whose rows go to `data/<rows>/`.

    Write the decorator as `@shape("name", rows="chat")` on one line: the recipe's schema, which must not import what
    reads material, finds the shapes by that line (`voicewright.recipe.schema.shapes`).
    """

    def register(build: Build) -> Build:
        _SHAPES[name] = Shape(rows, build)
        return build

    return register


@functools.cache
def registered_shapes() -> dict[str, Shape]:
    """All shapes, by name."""
    for module in pkgutil.iter_modules(shapes.__path__):
        import_module(f"{shapes.__name__}.{module.name}")
    return _SHAPES


def build_rows(context: ShapeContext) -> ShapeOutput:
    """The rows of a source, by its shape."""
    return registered_shapes()[context.source.shape].build(context)


def with_id(row: TrainingRow) -> TrainingRow:
    """The row with its id: the hash of what is trained on."""
    payload = {key: value for key, value in row.to_json().items() if key in ("text", "messages", "chosen", "rejected")}
    return row.model_copy(update={"id": content_id(payload.get("text", payload))})
