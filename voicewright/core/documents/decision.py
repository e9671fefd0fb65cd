"""What `decide` writes: the outcome of every target, the decision and what to try next."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from voicewright.core.documents.base import Document

Outcome = Literal["pass", "fail", "inconclusive", "not available"]
DecisionWord = Literal["deploy", "do not deploy", "not enough evidence"]


class TargetOutcome(Document):
    """One target and the figure that it is compared with, both in the target's unit (0..100)."""

    title: str
    target: float | None
    value: float | None
    low: float | None
    high: float | None
    outcome: Outcome
    why: str | None = None
    needs: str | None = None
    """What would turn an inconclusive outcome into a pass or a fail."""
    below: bool = False
    """Whether the figure must stay below the target instead of above."""


class Advice(Document):
    """One change to try."""

    observation: str = Field(alias="seen")
    action: str = Field(alias="do")
    command: str | None = None
    """The command that tries it."""


class Looks(Document):
    """How often the verdict was computed from new votes."""

    planned: int
    taken: int


class Decision(Document):
    """`decision.json`."""

    decision: DecisionWord
    sentence: str
    targets: dict[str, TargetOutcome]
    advice: list[Advice] = []
    looks: Looks | None = None
