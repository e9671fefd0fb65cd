"""`production.json`: which models were put into production, in order; the last is there now."""

from __future__ import annotations

from pydantic import Field

from voicewright.core.documents.base import Document


class Deployment(Document):
    """A merged model that was put into production."""

    run: str
    model: str
    """The folder, relative to VOICEWRIGHT_HOME."""
    at: str
    """When, in ISO 8601."""
    decision: str | None
    """The decision of the run at that time; null without one."""
    anyway: str | None
    """The reason for deploying it against the decision."""
    fingerprint: str
    """Digest of the folder, by which a later change is noticed."""


class Deployments(Document):
    """The history of deployments; a rollback takes the last one away."""

    history: list[Deployment] = Field(default_factory=list)
