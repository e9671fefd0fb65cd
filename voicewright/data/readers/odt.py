"""OpenDocument text: headings, paragraphs, line breaks, italic and bold spans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from voicewright.data.errors import others_wrote_it
from voicewright.data.readers import archive
from voicewright.data.readers.emphasis import Run, to_markdown

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_LEFT_OUT = {f"{_TEXT}note", f"{_TEXT}tracked-changes", f"{_OFFICE}annotation", f"{_TEXT}table-of-content"}

Looks = dict[str, tuple[bool, bool]]  # style name: italic, bold


def reads(path: Path, head: bytes) -> bool:
    return archive.is_zip(head) and archive.mimetype(path).startswith(b"application/vnd.oasis.opendocument.text")


@others_wrote_it()
def paragraphs(path: Path) -> list[str]:
    """The paragraphs of an .odt, in Markdown. Raises Unreadable."""
    with archive.opened(path) as book:
        root = archive.xml(archive.part(book, "content.xml"), "content.xml")
    looks: Looks = {}
    for style in root.iter(f"{_STYLE}style"):
        properties = style.find(f"{_STYLE}text-properties")
        if properties is not None:
            italic = properties.get(f"{_FO}font-style") in ("italic", "oblique")
            looks[style.get(f"{_STYLE}name", "")] = (italic, properties.get(f"{_FO}font-weight") == "bold")
    body = root.find(f"{_OFFICE}body/{_OFFICE}text")
    return [] if body is None else [p for p in _blocks(body, looks) if p]


def _blocks(element: Element, looks: Looks) -> Iterator[str]:
    for child in element:
        if child.tag in (f"{_TEXT}h", f"{_TEXT}p"):
            style = looks.get(child.get(f"{_TEXT}style-name", ""), (False, False))
            if child.tag == f"{_TEXT}h":
                words = "".join(run.text for run in _runs(child, looks, (False, False))).split()
                yield f"{'#' * int(child.get(f'{_TEXT}outline-level', '1'))} {' '.join(words)}" if words else ""
            else:
                yield to_markdown(_runs(child, looks, style))
        elif child.tag not in _LEFT_OUT:
            yield from _blocks(child, looks)


def _runs(element: Element, looks: Looks, look: tuple[bool, bool]) -> Iterator[Run]:
    yield Run(element.text or "", *look)
    for child in element:
        if child.tag == f"{_TEXT}s":
            yield Run(" " * int(child.get(f"{_TEXT}c", "1")), *look)
        elif child.tag == f"{_TEXT}tab":
            yield Run(" ", *look)
        elif child.tag == f"{_TEXT}line-break":
            yield Run("\n", *look)
        elif child.tag not in _LEFT_OUT:
            own = looks.get(child.get(f"{_TEXT}style-name", ""))
            yield from _runs(child, looks, own or look)
        yield Run(child.tail or "", *look)
