"""Files that survive a kill: JSONL rows, JSON documents, content hashes.

A whole file is written under a temporary name and renamed, so it is either absent or complete.
An append-only file is flushed a row at a time; a torn last row is dropped on the next read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from voicewright.core.errors import UserError

Row = dict[str, Any]

# Larger files are told apart by size and time of change: hashing 16 GB of weights takes minutes.
HASHED_WHOLE_BYTES = 64 * 2**20


def dumps(value: Any) -> str:
    """JSON on one line, readable text kept readable."""
    return json.dumps(value, ensure_ascii=False, sort_keys=False)


def content_id(value: Any, length: int = 12) -> str:
    """The first `length` hex digits of the SHA-256 of a JSON value."""
    canonical = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def fingerprint(path: Path) -> str:
    """A digest of a file's content, or of a folder's files by name and content; "absent" if neither."""
    if path.is_file():
        stat = path.stat()
        if stat.st_size > HASHED_WHOLE_BYTES:
            return f"{stat.st_size}@{stat.st_mtime_ns}"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        return content_id([[str(p.relative_to(path)), fingerprint(p)] for p in files], 64)
    return "absent"


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """Open a text file that takes the name `path` only if the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file, or nothing."""
    with replacing(path) as file:
        file.write(text)


def write_json(path: Path, value: Any) -> None:
    """Write a whole JSON document, or nothing."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON document. Raises UserError with file and line when it does not parse."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: not valid JSON ({error.msg})") from None


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write a whole JSONL file, or nothing; return the number of rows."""
    count = 0
    with replacing(path) as file:
        for row in rows:
            file.write(dumps(row) + "\n")
            count += 1
    return count


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSONL file that was written whole.

    Raises UserError with file and line for a row that does not parse or is not an object.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"{path}:{number}: not valid JSON ({error.msg})") from None
            if not isinstance(row, dict):
                raise UserError(f"{path}:{number}: expected a JSON object, found {type(row).__name__}")
            yield row


class Appender:
    """An append-only JSONL file: what was whole is read back in `rows`, each new row is flushed.

    A torn last row (a kill in mid-write) is cut off before anything is appended.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        drop_torn_row(path)
        self.rows: list[Row] = list(read_rows(path)) if path.exists() else []
        self._file = path.open("a", encoding="utf-8")

    def append(self, row: Row) -> None:
        self._file.write(dumps(row) + "\n")
        self._file.flush()
        self.rows.append(row)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Appender:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def drop_torn_row(path: Path) -> None:
    """Cut an append-only file back to the end of its last whole line."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        position = size
        while position > 0:
            step = min(65536, position)
            file.seek(position - step)
            newline = file.read(step).rfind(b"\n")
            if newline >= 0:
                position = position - step + newline + 1
                break
            position -= step
        if position != size:
            file.truncate(position)
