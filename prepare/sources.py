"""The files behind a recipe's sources."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from voicewright.layout import REPO_DIR

READABLE = {".txt", ".text", ".md", ".markdown"}


@dataclass(frozen=True)
class File:
    """One file of a source."""

    source: str
    path: Path

    @property
    def label(self) -> str:
        """The path as a person would write it: relative where it is below or beside the repository."""
        short = os.path.relpath(self.path, REPO_DIR)
        return str(self.path) if short.startswith("../../..") else short


def find(paths: dict[str, Path]) -> tuple[list[File], list[str]]:
    """The files of each source (a file, a folder or a glob), in order, and what is wrong with them."""
    files: list[File] = []
    problems: list[str] = []
    for source, path in paths.items():
        found = _expand(path)
        if not found:
            problems.append(f"data.sources.{source}: nothing to read at {path}, expected a file, a folder or a glob")
        files += [File(source, each) for each in found]
    return files, problems


def _expand(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.suffix.lower() in READABLE and not p.name.startswith("."))
    return sorted(p for p in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if p.is_file())
