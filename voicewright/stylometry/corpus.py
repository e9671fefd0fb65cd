"""Texts on disk: files read as plain text, cut into blocks, told apart by author and work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voicewright.core import text as reading
from voicewright.core.errors import UserError
from voicewright.stylometry.features import Counts

ENDINGS = (".txt", ".md")


@dataclass(frozen=True)
class Work:
    """One file: `Author_Title*.txt`."""

    author: str
    title: str
    path: Path
    text: str
    """Normal text: one spelling of quotes and dashes, emphasis kept."""


def read(folder: Path) -> list[Work]:
    """All works of a folder, or of one file. Raises UserError listing every file that cannot be read."""
    if not folder.exists():
        raise UserError(f"{folder}: no such file or folder")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS) if folder.is_dir() else [folder]
    if not paths:
        raise UserError(f"{folder}: no {' or '.join(ENDINGS)} files")
    works, problems = [], []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            problems.append(f"{path}: not UTF-8 (byte {error.start})")
            continue
        author, _, title = path.stem.partition("_")
        works.append(Work(author, title or path.stem, path, reading.normal(text)))
    if problems:
        raise UserError(problems, hint="save the files as UTF-8")
    return works


def sample(text: str, size: int, stretches: int, per_stretch: int) -> list[str]:
    """Plain blocks of `size` words: `stretches` evenly spread runs of `per_stretch` blocks that follow one another.

    A text too short for that gives all the blocks that it has.
    """
    found = list(reading.blocks(reading.plain(text), size))
    wanted = stretches * per_stretch
    if len(found) <= wanted:
        return found
    starts = np.linspace(0, len(found) - per_stretch, stretches).astype(int)
    return [found[start + k] for start in starts for k in range(per_stretch)]


def merged(counts: Counts, groups: Sequence[Sequence[int]]) -> Counts:
    """Counts of groups of blocks, each group as one text."""
    if len(groups) == 0:
        return counts.rows([])
    order = np.concatenate([np.asarray(group, dtype=np.int64) for group in groups])
    starts = np.cumsum([0, *[len(group) for group in groups[:-1]]])
    return Counts({name: np.add.reduceat(array[order], starts, axis=0) for name, array in counts.arrays.items()})


def runs(length: int, count: int) -> list[list[int]]:
    """Row numbers 0..count-1 in runs of `length`; a shorter rest is left out."""
    return [list(range(i, i + length)) for i in range(0, count - length + 1, length)]
