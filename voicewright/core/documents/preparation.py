"""What `prepare` stores on the way to its rows: memories step by step, and what a model answered about a text."""

from __future__ import annotations

from voicewright.core.documents.base import Document
from voicewright.core.documents.stats import Drop, ModeMetric


class Memory(Document):
    """A line of data/modes/<source>/curated.jsonl: a memory with its mode."""

    place: str
    mode: str
    type: str
    time: str
    cue: str
    """What it answers."""
    reply: str


class FormattedMemory(Document):
    """A line of formatted.jsonl beside it: a memory in the tags of its mode."""

    source: str
    mode: str
    prompt: str
    reply: str


class ModeSample(Document):
    """A line of schema_applied.jsonl beside it: the tagged memory in the prefixes of the model's family."""

    source: str
    mode: str
    text: str


class ModesSummary(Document):
    """summary.json beside it."""

    memories: int
    dropped: list[Drop]
    metrics: list[ModeMetric]


class AskedText(Document):
    """A line of runs/.asked/<generator>.jsonl: a text that a model was asked about, and the answer."""

    asked: str
    texts: list[str]
    """Questions on the text, or a passage written after it."""
    tokens_in: int
    tokens_out: int
