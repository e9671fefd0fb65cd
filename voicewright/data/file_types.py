"""What a file is, by its content: names lie."""

from __future__ import annotations

import re
from pathlib import Path

from voicewright.data.errors import Unreadable
from voicewright.data.readers import archive, formats

# Beginnings of files that a writer may well have, and what to do with them.
_FOREIGN = {
    b"\xd0\xcf\x11\xe0": "is an old Word document (.doc); save it as .docx",
    b"\x89PNG": "is a picture; run OCR on it and give the text (ocrmypdf makes a PDF with text), or take it out",
    b"\xff\xd8\xff": "is a picture; run OCR on it and give the text (ocrmypdf makes a PDF with text), or take it out",
    b"GIF8": "is a picture; run OCR on it and give the text (ocrmypdf makes a PDF with text), or take it out",
    b"\x1f\x8b": "is a gzip archive; unpack it first",
    b"7z\xbc\xaf": "is a 7-zip archive; unpack it first",
    b"Rar!": "is a RAR archive; unpack it first",
    b"BOOKMOBI": "is a Kindle book; convert it to EPUB (Calibre does)",
}


def kind(path: Path) -> str:
    """A format of prepare/readers/, json, html or text. Raises Unreadable for what nobody here reads."""
    with path.open("rb") as file:
        head = file.read(4096)
    for magic, what in _FOREIGN.items():
        if head.startswith(magic) or (magic == b"BOOKMOBI" and magic in head[:80]):
            raise Unreadable(what)
    for name, reader in formats().items():
        if reader.reads(path, head):
            return name
    if archive.is_zip(head):
        raise Unreadable("is a zip archive, but no .docx, .epub or .odt; unpack it and name the folder")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"{", b"[") and (path.suffix.lower() in (".json", ".jsonl", ".ndjson") or _opens_json(start)):
        return "json"
    if re.match(rb"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!doctype html|<html)", start, re.IGNORECASE | re.DOTALL):
        return "html"
    return "text"


def _opens_json(start: bytes) -> bool:
    return bool(re.match(rb'[\[{]\s*(?:[\[{"]|[\]}])', start))
