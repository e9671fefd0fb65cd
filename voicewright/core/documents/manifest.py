"""`manifest.json` of a run: what each finished stage came from, when, how long it took and how much memory."""

from __future__ import annotations

from pydantic import Field, JsonValue

from voicewright.core.documents.base import Document, parse
from voicewright.core.paths import Run
from voicewright.core.records import read_json, write_json


class ManifestEntry(Document):
    """A finished stage. The entry is written last, so that it means done."""

    identity: str
    """SHA-256 of `version`, `recipe` and `inputs`: the stage is up to date while it is the same."""
    version: int = 1
    """Version of the stage's own code."""
    recipe: dict[str, JsonValue] = Field(default_factory=dict)
    """The values of the recipe's keys that the stage reads."""
    inputs: dict[str, str] = Field(default_factory=dict)
    """Path (relative to the repository or to VOICEWRIGHT_HOME) -> first 16 hex digits of its SHA-256."""
    outputs: dict[str, str] = Field(default_factory=dict)
    command: list[str] = Field(default_factory=list)
    git: str | None = None
    """`git describe --always --dirty` of the repository."""
    started_at: str | None = None
    seconds: float = 0.0
    peak_memory_mb: int = 0
    """The most that one process of the stage took."""


def read_manifest(run: Run) -> dict[str, ManifestEntry]:
    """The finished stages of a run by name; empty before the first. Raises UserError for a broken file."""
    path = run.manifest_path
    if not path.exists():
        return {}
    return {name: parse(ManifestEntry, value, f"{path}: {name}") for name, value in read_json(path).items()}


def write_manifest(run: Run, manifest: dict[str, ManifestEntry]) -> None:
    """Write a run's manifest, or nothing."""
    write_json(run.manifest_path, {name: entry.to_json() for name, entry in manifest.items()})
