"""OpenDocument text: headings, paragraphs, line breaks, italic and bold spans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from voicewright.data.errors import parsing_foreign_data
from voicewright.data.readers import archive
from voicewright.data.readers.markdown import Prose, Run, emphasised

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_SKIPPED = {f"{_TEXT}note", f"{_TEXT}tracked-changes", f"{_OFFICE}annotation", f"{_TEXT}table-of-content"}

Style = tuple[bool, bool]
"""italic, bold"""


def reads(path: Path, head: bytes) -> bool:
    return archive.is_zip(head) and archive.mimetype(path).startswith(b"application/vnd.oasis.opendocument.text")


@parsing_foreign_data()
def read(path: Path) -> Prose:
    """The text of an .odt. Raises Unreadable."""
    with archive.opened(path) as book:
        root = archive.xml(archive.part(book, "content.xml"), "content.xml")
    styles: dict[str, Style] = {}
    for style in root.iter(f"{_STYLE}style"):
        properties = style.find(f"{_STYLE}text-properties")
        if properties is not None:
            italic = properties.get(f"{_FO}font-style") in ("italic", "oblique")
            styles[style.get(f"{_STYLE}name", "")] = (italic, properties.get(f"{_FO}font-weight") == "bold")
    body = root.find(f"{_OFFICE}body/{_OFFICE}text")
    return Prose([] if body is None else [block for block in _blocks(body, styles) if block])


def _blocks(element: Element, styles: dict[str, Style]) -> Iterator[str]:
    for child in element:
        if child.tag in (f"{_TEXT}h", f"{_TEXT}p"):
            style = styles.get(child.get(f"{_TEXT}style-name", ""), (False, False))
            if child.tag == f"{_TEXT}h":
                words = "".join(run.text for run in _runs(child, styles, (False, False))).split()
                yield f"{'#' * int(child.get(f'{_TEXT}outline-level', '1'))} {' '.join(words)}" if words else ""
            else:
                yield emphasised(_runs(child, styles, style))
        elif child.tag not in _SKIPPED:
            yield from _blocks(child, styles)


def _runs(element: Element, styles: dict[str, Style], style: Style) -> Iterator[Run]:
    yield Run(element.text or "", *style)
    for child in element:
        if child.tag == f"{_TEXT}s":
            yield Run(" " * int(child.get(f"{_TEXT}c", "1")), *style)
        elif child.tag == f"{_TEXT}tab":
            yield Run(" ", *style)
        elif child.tag == f"{_TEXT}line-break":
            yield Run("\n", *style)
        elif child.tag not in _SKIPPED:
            own = styles.get(child.get(f"{_TEXT}style-name", ""))
            yield from _runs(child, styles, own or style)
        yield Run(child.tail or "", *style)
