"""`adapted.jsonl` of a run: what its recipe was changed to after training ran out of memory."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from voicewright.core.documents.base import Document

FallbackStep = Literal["batch", "sequence", "rank", "model"]
"""What is made smaller: the micro batch, the length of rows, the adapter's rank, or the base model."""


class Adaptation(Document):
    """One step of the out-of-memory fallback that a run has taken."""

    step: FallbackStep = Field(alias="rung")
    """What was made smaller. Written as `rung`."""
    overrides: list[str]
    """The overrides that it added to the recipe."""
    why: str | None = None
    """The log's line that says that memory ran out, or the run whose fallback this one follows."""
    costs: str | None = None
    """What the step gives up."""
    steps_lost: int | None = None
    """Training steps that had been saved and cannot be used any more."""
