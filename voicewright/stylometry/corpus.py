"""A corpus on disk: one work in each file, named by its author and title."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voicewright.core import text as reading
from voicewright.core.errors import UserError

SUFFIXES = (".txt", ".md")


@dataclass(frozen=True)
class Work:
    """One file: `Author_Title*.txt`."""

    author: str
    title: str
    path: Path
    text: str
    """Normal text: one spelling of quotes and dashes, emphasis marks stay."""


def read_works(folder: Path) -> list[Work]:
    """All works of a folder, or of one file. Raises UserError listing every file that cannot be read."""
    if not folder.exists():
        raise UserError(f"{folder}: no such file or folder")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES) if folder.is_dir() else [folder]
    if not paths:
        raise UserError(f"{folder}: no {' or '.join(SUFFIXES)} files")
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


def sample_blocks(text: str, size: int, stretches: int, per_stretch: int) -> list[str]:
    """Plain blocks of `size` words: `stretches` evenly spread runs of `per_stretch` blocks that follow one another.

    A text too short for that gives all the blocks that it has.
    """
    blocks = list(reading.blocks(reading.plain(text), size))
    if len(blocks) <= stretches * per_stretch:
        return blocks
    starts = np.linspace(0, len(blocks) - per_stretch, stretches).astype(int)
    return [blocks[start + k] for start in starts for k in range(per_stretch)]
