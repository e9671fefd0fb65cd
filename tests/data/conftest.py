"""Shared by the tests of the data package: a recipe on the embedded model, and small books in every format."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.data.endpoint import Endpoint
from voicewright.data.assembly import Assembly, assemble
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe, Source

PARAGRAPHS = [
    f"You climb the ladder for the {n} time this week and the water has nothing to say about it. "
    f"It lies at the bottom with your lamp in it, number {n}, and waits. You count the rungs, as you always do."
    for n in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
]


@pytest.fixture(scope="session")
def demo() -> Recipe:
    """The demo recipe, composed and not frozen."""
    return recipes.compose("demo").recipe


@pytest.fixture
def with_sources(demo: Recipe) -> Callable[..., Recipe]:
    """The demo recipe with other sources and data settings."""

    def change(sources: dict[str, dict[str, Any]], sequence_len: int = 1024, **data: Any) -> Recipe:
        named = {name: Source(**settings) for name, settings in sources.items()}
        changed = demo.data.model_validate(demo.data.model_dump() | {"sources": named} | data)
        return demo.model_copy(
            update={"data": changed, "axolotl": demo.axolotl | {"sequence_len": sequence_len, "chat_template": None}}
        )

    return change


@pytest.fixture
def assembled(with_sources: Callable[..., Recipe]) -> Callable[..., Assembly]:
    """Rows of some sources."""

    def make(sources: dict[str, dict[str, Any]], **data: Any) -> Assembly:
        changed = with_sources(sources, **data)
        paths = {name: Path(settings["path"]) for name, settings in sources.items()}
        return assemble(changed, paths, lambda _: None)

    return make


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    served = Endpoint()
    yield served
    served.server.shutdown()
    served.server.server_close()


def book(chapters: int = 5, paragraphs: int = 8) -> str:
    """A book in Markdown, no paragraph twice."""
    parts = []
    for chapter in range(1, chapters + 1):
        body = [
            f"In chapter {chapter}, {PARAGRAPHS[i % 8][0].lower()}{PARAGRAPHS[i % 8][1:]}" for i in range(paragraphs)
        ]
        parts.append(f"# Chapter {chapter}\n\n" + "\n\n* * *\n\n".join(["\n\n".join(body[:4]), "\n\n".join(body[4:])]))
    return "\n\n".join(parts) + "\n"


def zipped(path: Path, parts: dict[str, str | bytes]) -> Path:
    """A zip archive of some parts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def docx(path: Path, body: str, head: str = "") -> Path:
    """A Word document with the given body."""
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/word/document.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>'
        '<Override PartName="/word/styles.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/></Types>'
    )
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{relations}/officeDocument" Target="word/document.xml"/></Relationships>'
    )
    inner = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{relations}/styles" Target="styles.xml"/></Relationships>'
    )
    styles = (
        f'<w:styles {W}><w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/></w:style></w:styles>'
    )
    document = f'<?xml version="1.0"?>{head}<w:document {W}><w:body>{body}</w:body></w:document>'
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": types,
        "_rels/.rels": rels,
        "word/document.xml": document,
        "word/_rels/document.xml.rels": inner,
        "word/styles.xml": styles,
    }
    return zipped(path, parts)


def epub(path: Path, pages: list[str], head: str = "") -> Path:
    """An EPUB with the given XHTML bodies in its spine."""
    items = "".join(
        f'<item id="p{i}" href="p{i}.xhtml" media-type="application/xhtml+xml"/>' for i in range(len(pages))
    )
    spine = "".join(f'<itemref idref="p{i}"/>' for i in range(len(pages)))
    parts: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest>'
        f"<spine>{spine}</spine></package>",
    }
    for i, page in enumerate(pages):
        parts[f"OPS/p{i}.xhtml"] = f"{head}<html><head><title>x</title></head><body>{page}</body></html>"
    return zipped(path, parts)


def odt(path: Path, body: str) -> Path:
    """An OpenDocument text with an italic style `I`."""
    names = {
        "office": "office:1.0",
        "text": "text:1.0",
        "style": "style:1.0",
        "fo": "xsl-fo-compatible:1.0",
    }
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{uri}"' for name, uri in names.items())
    content = (
        f'<office:document-content {spaces}><office:automatic-styles><style:style style:name="I">'
        '<style:text-properties fo:font-style="italic"/></style:style></office:automatic-styles>'
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    return zipped(path, {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def pdf(path: Path, pages: list[list[tuple[float, float, str]]]) -> Path:
    """A PDF with lines at (x, y) inches from the bottom left of a 6 x 8 inch page, in 10-point Times."""
    streams = []
    for lines in pages:
        operators = (f"1 0 0 1 {72 * x:.1f} {72 * y:.1f} Tm ({text}) Tj" for x, y, text in lines)
        streams.append("BT /F 10 Tf " + " ".join(operators) + " ET")
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pages)}/MediaBox[0 0 432 576]/Kids[{kids}]/Resources<</Font<</F 3 0 R>>>>>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>",
    ]
    for i, stream in enumerate(streams):
        objects += [f"<</Type/Page/Parent 2 0 R/Contents {5 + 2 * i} 0 R>>"]
        objects += [f"<</Length {len(stream)}>>stream\n{stream}\nendstream"]
    data = "%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj{content}endobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    trailer = f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(data)}\n%%EOF"
    path.write_text(data + head + trailer, encoding="latin-1")
    return path
