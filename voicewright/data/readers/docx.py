"""Word documents: mammoth makes HTML of their styles."""

from __future__ import annotations

from pathlib import Path

import mammoth

from voicewright.data.errors import parsing_foreign_data
from voicewright.data.readers import archive, html
from voicewright.data.readers.markdown import Prose

# Mammoth's own map knows headings 1 to 6; writers also title chapters with these.
STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => h2:fresh"


def reads(path: Path, head: bytes) -> bool:
    return archive.is_zip(head) and "word/document.xml" in archive.names(path)


def read(path: Path) -> Prose:
    """The text of a .docx. Raises Unreadable."""
    with archive.opened(path) as book:
        for name in book.namelist():
            if name.endswith((".xml", ".rels")):
                # Raises for entities, which mammoth's own parser would expand.
                archive.xml(archive.part(book, name), name)
    with path.open("rb") as file, parsing_foreign_data():
        converted = mammoth.convert_to_html(file, style_map=STYLES, convert_image=mammoth.images.img_element(_no_image))
    return Prose(html.to_paragraphs(converted.value))


def _no_image(_: object) -> dict[str, str]:
    return {}
