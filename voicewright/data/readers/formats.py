"""The formats of prose, and how a file's format is recognised.

A format is a module of this folder, found by being here, with the two functions of `Reader`. Plain text and Markdown
are what remains (`markdown`); JSON is read by the shapes whose rows it holds (`json_rows`). Which library reads what,
and why: docs/reference/readers.md.
"""

from __future__ import annotations

import functools
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from voicewright.data import readers
from voicewright.data.errors import Unreadable
from voicewright.data.readers import archive, markdown
from voicewright.data.readers.markdown import Prose

_PICTURE = "is a picture; run OCR on it and give the text (ocrmypdf makes a PDF with text), or take it out"
# First bytes of files that a writer may well have, and what to do with them.
_UNSUPPORTED = {
    b"\xd0\xcf\x11\xe0": "is an old Word document (.doc); save it as .docx",
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"GIF8": _PICTURE,
    b"\x1f\x8b": "is a gzip archive; unpack it first",
    b"7z\xbc\xaf": "is a 7-zip archive; unpack it first",
    b"Rar!": "is a RAR archive; unpack it first",
    b"BOOKMOBI": "is a Kindle book; convert it to EPUB (Calibre does)",
}


class Reader(Protocol):
    """The functions of a format's module."""

    def reads(self, path: Path, head: bytes) -> bool:
        """Whether a file is of this format, by its first 4,096 bytes: file names are unreliable."""

    def read(self, path: Path) -> Prose:
        """The text of a file. Raises Unreadable."""


@functools.cache
def readers_by_format() -> dict[str, Reader]:
    """The readers, by the name of their module."""
    names = [module.name for module in pkgutil.iter_modules(readers.__path__)]
    modules = {name: import_module(f"{readers.__name__}.{name}") for name in names}
    return {name: cast(Reader, module) for name, module in modules.items() if hasattr(module, "reads")}


def format_of(path: Path) -> str:
    """A format that has a reader, `json` or `text`. Raises Unreadable for a format that nothing here reads."""
    with path.open("rb") as file:
        head = file.read(4096)
    for magic, what in _UNSUPPORTED.items():
        if head.startswith(magic) or (magic == b"BOOKMOBI" and magic in head[:80]):
            raise Unreadable(what)
    for name, reader in readers_by_format().items():
        if reader.reads(path, head):
            return name
    if archive.is_zip(head):
        raise Unreadable("is a zip archive, but no .docx, .epub or .odt; unpack it and name the folder")
    return "json" if _is_json(path, head) else "text"


def read(path: Path) -> Prose:
    """The text of a file of prose, whatever its format. Raises Unreadable."""
    name = format_of(path)
    if name == "json":
        raise Unreadable("is JSON, not prose; give its source a shape: chat, instruction, preference or modes")
    return markdown.read(path) if name == "text" else readers_by_format()[name].read(path)


def _is_json(path: Path, head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    by_name = path.suffix.lower() in (".json", ".jsonl", ".ndjson")
    return start[:1] in (b"{", b"[") and (by_name or bool(re.match(rb'[\[{]\s*(?:[\[{"]|[\]}])', start)))
