"""The files of a recipe's sources, checked to be ordinary, readable files of a sensible size."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voicewright.core.paths import REPO_DIR
from voicewright.data.errors import Unreadable

# Ten million words are 60 MB; what is larger is no manuscript.
MAX_BYTES = 256 * 2**20


@dataclass(frozen=True)
class File:
    """One file of a source."""

    source: str
    path: Path
    named: bool = True
    """Whether it was named itself, not found in a folder."""

    @property
    def label(self) -> str:
        """The path as a person would write it."""
        return label(self.path)


def label(path: Path) -> str:
    """A path as a person would write it: relative where it is below or beside the repository."""
    short = os.path.relpath(path, REPO_DIR)
    return str(path) if short.startswith("../../..") else short


def find_files(paths: dict[str, Path]) -> tuple[list[File], list[str]]:
    """The readable files of each source (a file, a folder or a glob), in order, and a problem for each other one."""
    files: list[File] = []
    problems: list[str] = []
    for source, path in paths.items():
        candidates = list(_expand(source, path))
        if not candidates:
            problems.append(
                f"data.sources.{source}: nothing to read at {path}, expected a file, a folder or a glob: drafts/*.md"
            )
        for file in candidates:
            try:
                _check(file, path)
            except Unreadable as error:
                problems.append(error.problem(file.label))
            else:
                files.append(file)
    return files, problems


def _expand(source: str, path: Path) -> Iterator[File]:
    if path.is_dir():
        for folder, names, leaves in os.walk(path):
            names[:] = sorted(name for name in names if not name.startswith("."))
            linked = [name for name in names if (Path(folder) / name).is_symlink()]
            for name in sorted([leaf for leaf in leaves if not leaf.startswith((".", "~$"))] + linked):
                yield File(source, Path(folder) / name, named=False)
    elif os.path.lexists(path):
        yield File(source, path)
    else:
        for each in sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))):
            if not each.is_dir():
                yield File(source, each)


def _check(file: File, root: Path) -> None:
    """Raise Unreadable for what is not an ordinary, readable file of a sensible size."""
    path = file.path
    if path.is_symlink() and not file.named and not path.resolve().is_relative_to(root.resolve()):
        raise Unreadable("is a link out of the source's folder; copy the file in, or name it as a source of its own")
    try:
        status = path.stat()
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable("is a link to a folder, which is not followed; name that folder as a source of its own")
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("is a pipe, a socket or a device, not a file")
    if not os.access(path, os.R_OK):
        raise Unreadable("may not be read; give yourself permission to read it (chmod u+r)")
    if status.st_size > MAX_BYTES:
        raise Unreadable(
            f"has {status.st_size / 2**20:,.0f} MiB, more than the {MAX_BYTES / 2**20:,.0f} MiB that a source file may "
            "have; split it"
        )
    if status.st_size == 0:
        raise Unreadable("is empty; take it out, or save the text into it")
