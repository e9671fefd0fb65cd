"""EPUB: the chapters in the order of the spine."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from voicewright.data.errors import Unreadable
from voicewright.data.readers import archive, html
from voicewright.data.readers.decoding import decode
from voicewright.data.readers.markdown import Prose

_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_OPF = "{http://www.idpf.org/2007/opf}"


def reads(path: Path, head: bytes) -> bool:
    if not archive.is_zip(head):
        return False
    return archive.mimetype(path) == b"application/epub+zip" or "META-INF/container.xml" in archive.names(path)


def read(path: Path) -> Prose:
    """The text of an EPUB. Raises Unreadable."""
    with archive.opened(path) as book:
        root = archive.xml(archive.part(book, "META-INF/container.xml"), "META-INF/container.xml")
        rootfile = root.find(f".//{_CONTAINER}rootfile")
        if rootfile is None:
            raise Unreadable("names no package in META-INF/container.xml")
        package = rootfile.get("full-path", "")
        opf = archive.xml(archive.part(book, package), package)
        items = {item.get("id"): item for item in opf.iter(f"{_OPF}item")}
        paragraphs: list[str] = []
        for reference in opf.iter(f"{_OPF}itemref"):
            item = items.get(reference.get("idref"))
            if item is None or "nav" in (item.get("properties") or "").split():
                continue
            if reference.get("linear") == "no" or "html" not in (item.get("media-type") or ""):
                continue
            name = posixpath.normpath(posixpath.join(posixpath.dirname(package), unquote(item.get("href", ""))))
            data = archive.part(book, name)
            if re.search(rb"<!ENTITY", data):
                raise archive.entities(name)
            paragraphs += html.to_paragraphs(decode(data).text)
    return Prose(paragraphs)
