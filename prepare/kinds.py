"""What a file is, by its content: names lie."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from prepare.errors import Unreadable
from prepare.readers import archive

Kind = Literal["text", "html", "rtf", "pdf", "docx", "epub", "odt", "json"]

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


def kind(path: Path) -> Kind:
    """The kind of a file. Raises Unreadable for what no reader here takes."""
    with path.open("rb") as file:
        head = file.read(4096)
    for magic, what in _FOREIGN.items():
        if head.startswith(magic) or (magic == b"BOOKMOBI" and magic in head[:80]):
            raise Unreadable(what)
    if head.startswith(b"PK\x03\x04"):
        return _zipped(path)
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"{", b"[") and (path.suffix.lower() in (".json", ".jsonl", ".ndjson") or _opens_json(start)):
        return "json"
    if re.match(rb"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!doctype html|<html)", start, re.IGNORECASE | re.DOTALL):
        return "html"
    return "text"


def _zipped(path: Path) -> Kind:
    with archive.opened(path) as book:
        names = set(book.namelist())
        mimetype = archive.part(book, "mimetype").strip() if "mimetype" in names else b""
    if mimetype == b"application/epub+zip" or "META-INF/container.xml" in names:
        return "epub"
    if mimetype.startswith(b"application/vnd.oasis.opendocument.text"):
        return "odt"
    if "word/document.xml" in names:
        return "docx"
    raise Unreadable("is a zip archive, but no .docx, .epub or .odt; unpack it and name the folder")


def _opens_json(start: bytes) -> bool:
    return bool(re.match(rb'[\[{]\s*(?:[\[{"]|[\]}])', start))
