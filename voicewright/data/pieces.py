"""What every shape is made into: training rows that know what they must stay together with."""

from __future__ import annotations

from dataclasses import dataclass, field

from voicewright.core.records import Row, content_id
from voicewright.data.chat_templates import Template
from voicewright.data.chunking import Boundary
from voicewright.data.document import Drop
from voicewright.data.sources import File
from voicewright.data.tokenizers import Counter
from voicewright.recipe.schema import Data, RowShape, Source


@dataclass(frozen=True)
class Piece:
    """One row, and what it stands or falls with when the splits are drawn."""

    row: Row
    shape: RowShape
    source: str
    """Name of the recipe's source."""
    unit: str
    """Its chapter or thread: never divided between splits."""
    part: str
    """Its scene, or itself: what is kept whole where there are too few units."""
    reason: str | None = None
    """Why it is out of bounds, where it is."""
    ends_at: Boundary | None = None


@dataclass
class Made:
    """What one source was made into."""

    pieces: list[Piece] = field(default_factory=list)
    dropped: list[Drop] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    asked: dict[str, dict[str, float]] = field(default_factory=dict)
    """By source of shape qa: passages, those covered, tokens and cost, for stats.json."""
    replies: list[tuple[str, str]] = field(default_factory=list)
    """Mode and reply of each memory, to be measured together: a balance is the recipe's, not a source's."""
    kept: dict[str, str | list[Row]] = field(default_factory=dict)
    """Files to keep beside the rows, by their path in data/: cleaned texts, steps on the way."""

    def add(self, other: Made) -> None:
        self.pieces += other.pieces
        self.dropped += other.dropped
        self.problems += other.problems
        self.asked |= other.asked
        self.replies += other.replies
        self.kept |= other.kept


@dataclass(frozen=True)
class Context:
    """What the makers of the shapes share."""

    name: str
    """Of the source."""
    source: Source
    files: list[File]
    data: Data
    counter: Counter
    template: Template | None
    """The model's chat template, where it has one."""
    low: int
    high: int
    """Token bounds that hold, after sequence_len."""


def text_of(row: Row) -> str:
    """All words of a row, for the checks."""
    if "text" in row:
        return str(row["text"])
    turns = [*row["messages"], *(row[key] for key in ("chosen", "rejected") if key in row)]
    return "\n\n".join(str(turn.get("content") or "") for turn in turns)


def learnt_text(row: Row) -> str:
    """The words of a row that the loss is taken on."""
    if "text" in row:
        return str(row["text"])
    if "chosen" in row:
        return str(row["chosen"]["content"])
    return "\n\n".join(str(turn["content"]) for turn in row["messages"] if turn.get("train"))


def finished(row: Row) -> Row:
    """A row with its id first: the hash of what is trained on."""
    payload = {key: row[key] for key in ("text", "messages", "chosen", "rejected") if key in row}
    return {"id": content_id(payload.get("text", payload)), **row}
