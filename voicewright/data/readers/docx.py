"""Word documents: mammoth makes HTML of their styles."""

from __future__ import annotations

from pathlib import Path

import mammoth

from voicewright.data.errors import others_wrote_it
from voicewright.data.readers import archive, html

# Mammoth's own map knows headings 1 to 6; writers also title chapters with these.
STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => h2:fresh"


def reads(path: Path, head: bytes) -> bool:
    return archive.is_zip(head) and "word/document.xml" in archive.names(path)


def paragraphs(path: Path) -> list[str]:
    """The paragraphs of a .docx, in Markdown. Raises Unreadable."""
    with archive.opened(path) as book:
        for name in book.namelist():
            if name.endswith((".xml", ".rels")):
                archive.xml(archive.part(book, name), name)  # mammoth's own parser would expand entities
    with path.open("rb") as file, others_wrote_it():
        converted = mammoth.convert_to_html(file, style_map=STYLES, convert_image=mammoth.images.img_element(_no_image))
    return html.to_paragraphs(converted.value)


def _no_image(_: object) -> dict[str, str]:
    return {}
