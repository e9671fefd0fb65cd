"""Books in their own formats: headings, italics and scene breaks survive as Markdown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.data.conftest import docx, epub, odt, pdf
from voicewright.data.cleaned_text import sections
from voicewright.data.readers import books
from voicewright.data.readers.markdown import Prose
from voicewright.data.sources import File
from voicewright.recipe.schema import Data

DATA = Data(sources={})


def text_of(path: Path, **settings: bool) -> str:
    return books.read(File("x", path), DATA.model_copy(update=settings)).text


def run(text: str, italic: bool = False) -> str:
    return f'<w:r>{"<w:rPr><w:i/></w:rPr>" if italic else ""}<w:t xml:space="preserve">{text}</w:t></w:r>'


def test_a_word_document_keeps_headings_and_italics(tmp_path: Path) -> None:
    heading = f'<w:p><w:pPr><w:pStyle w:val="H1"/></w:pPr>{run("The Well")}</w:p>'
    body = f"<w:p>{run('You go down. ')}{run('Mind the nineteenth.', italic=True)}{run(' You mind it.')}</w:p>"
    text = text_of(docx(tmp_path / "a.docx", heading + body + f"<w:p>{run('***')}</w:p><w:p>{run('Up.')}</w:p>"))
    assert text == "# The Well\n\nYou go down. *Mind the nineteenth.* You mind it.\n\n* * *\n\nUp.\n"


def test_an_epub_is_read_in_the_order_of_its_spine(tmp_path: Path) -> None:
    pages = [
        "<h2>I</h2><p>First <i>this</i>.</p><hr/><p>Then that.</p>",
        '<nav><p>no</p></nav><h2>II</h2><p>Last<span class="pagenum">12</span>.</p>',
    ]
    text = text_of(epub(tmp_path / "a.epub", pages))
    assert text == "## I\n\nFirst *this*.\n\n* * *\n\nThen that.\n\n## II\n\nLast.\n"


def test_an_opendocument_text_keeps_headings_and_italics(tmp_path: Path) -> None:
    body = (
        '<text:h text:outline-level="1">The Well</text:h><text:p>You <text:span text:style-name="I">mind</text:span> '
        "it.<text:line-break/>Down.</text:p>"
    )
    assert text_of(odt(tmp_path / "a.odt", body)) == "# The Well\n\nYou *mind* it.\nDown.\n"


def test_rich_text_keeps_its_italics_and_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_text(
        r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Times;}}\f0 Caf\'e9 {\i by night}, he said.\par "
        r"\i Go.\i0  She went.\par}"
    )
    assert text_of(path) == "Café *by night*, he said.\n\n*Go.* She went.\n"


def test_html_verse_bold_and_nested_emphasis_come_out_once(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(
        "<!doctype html><html><head><title>no</title></head><body><hgroup><h2>I</h2><p>A Letter</p></hgroup>"
        "<p><em><i>So</i> it</em> is <b>loud</b>.<p>Full fathom<br>five</body></html>"
    )
    assert text_of(path) == "## I\n\n### A Letter\n\n*So it* is **loud**.\n\nFull fathom\nfive\n"


def line(n: int, text: str, indent: float = 0.0) -> tuple[float, float, str]:
    return (0.6 + indent, 7.2 - 0.22 * n, text)


def test_a_pdf_loses_its_furniture_and_its_line_ends(tmp_path: Path) -> None:
    wide = "you go down the ladder once again and count each of the rungs"
    pages = []
    for number in range(1, 6):
        body = [line(0, f"THE WELL {number}"), line(2, f"On page {number} {wide}", 0.3), line(3, f"{wide} and unbe-")]
        pages.append([*body, line(4, f"lievably {wide} to"), line(5, "the end.")])
    text = text_of(pdf(tmp_path / "a.pdf", pages))
    assert "THE WELL" not in text
    assert f"and unbelievably {wide} to the end." in text
    assert [p.split(" you")[0] for p in text.strip().split("\n\n")] == [f"On page {n}" for n in range(1, 6)]


def test_the_columns_of_a_pdf_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = [(0.5, 7 - 0.2 * n, f"left column line {n} goes") for n in range(20)]
    right = [(3.4, 7 - 0.2 * n, f"right column line {n} goes") for n in range(20)]
    rows = [each for pair in zip(left, right, strict=True) for each in pair]  # as some programs write them
    text = text_of(pdf(tmp_path / "a.pdf", [rows]))
    assert text.index("left column line 19") < text.index("right column line 0")


def test_a_page_of_a_pdf_is_named_in_the_source(tmp_path: Path) -> None:
    wide = "you go down the ladder once again and count each of the rungs"
    pages = [[line(0, f"Page {p} {wide}", 0.3), line(1, wide), line(2, "and stop.")] for p in (1, 2, 3)]
    document = books.read(File("x", pdf(tmp_path / "a.pdf", pages)), DATA)
    start = document.text.index("Page 3")
    assert ":p3:" in document.place(start, start + 5)


def test_characters_taken_out_of_a_pdf_do_not_shift_its_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prose = Prose(["One\u200b, \x07two.", "\x00", "Three.", "Four."], [1, 1, 2, 3])
    monkeypatch.setattr("voicewright.data.readers.pdf.read", lambda _: prose)
    document = books.read(File("x", pdf(tmp_path / "a.pdf", [[line(0, "any")]])), DATA)
    assert document.text == "One, two.\n\nThree.\n\nFour.\n"
    for word, page in (("One", 1), ("Three", 2), ("Four", 3)):
        assert f":p{page}:" in document.place(document.text.index(word), len(document.text))
    assert [drop.reason for drop in document.dropped] == ["2 control character(s)"]


def test_project_gutenbergs_additions_go_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(
        "The Project Gutenberg eBook of It\n\nLicence here.\n\n*** START OF THE PROJECT GUTENBERG EBOOK IT ***\n\n"
        "Produced by A Person\n\nThe tale.\n\n*** END OF THE PROJECT GUTENBERG EBOOK IT ***\n\nMore licence."
    )
    document = books.read(File("x", path), DATA)
    assert document.text == "The tale.\n"
    assert document.dropped[0].words > 10


def test_punctuation_is_made_plain_only_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("“No”—he said, ‘never’.")
    assert text_of(path) == "“No”—he said, ‘never’.\n"
    assert text_of(path, plain_punctuation=True) == "\"No\"-he said, 'never'.\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32"])
def test_every_encoding_an_editor_writes_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Café – “you” said so, and then some more was said.".encode(encoding))
    assert text_of(path) == "Café – “you” said so, and then some more was said.\n"


def test_the_name_of_a_file_does_not_decide_its_kind(tmp_path: Path) -> None:
    path = docx(tmp_path / "novel.txt", f"<w:p>{run('You go down.')}</w:p>")
    assert text_of(path) == "You go down.\n"


def test_markdown_and_xhtml_of_one_book_agree(shared_data: Path) -> None:
    folder = shared_data / "books_formats"
    markdown = text_of(folder / "Wodehouse_LoveAmongTheChickens.md")
    pages = sorted((folder / "wodehouse_xhtml").glob("chapter-*.xhtml"), key=lambda p: int(p.stem.split("-")[1]))
    ours = " ".join(text_of(page) for page in pages)
    words = [re.sub(r"[^\w\s]", "", t[t.index("A gentleman called") :]).split() for t in (markdown, ours)]
    assert len(words[1]) == pytest.approx(len(words[0]), rel=0.002)
    italics = re.compile(r"(?<!\*)\*(?!\*)[^*\n]+\*(?!\*)")
    assert len(italics.findall(ours)) >= 85
    assert len(sections(markdown)) == 24


def test_a_novel_in_three_formats_comes_out_alike(shared_data: Path) -> None:
    folder = shared_data / "books_formats"
    texts = [text_of(folder / f"Hawthorne_TwiceToldTales.{ending}") for ending in ("txt", "htm", "md")]
    counts = [len(text.split()) for text in texts]
    assert max(counts) - min(counts) < 0.002 * max(counts)
    assert not any("gutenberg" in text.lower() for text in texts)


@pytest.mark.slow
def test_the_pdf_reader_stays_below_two_percent_word_errors(shared_data: Path) -> None:
    from tests.perf.pdf_error_rate import measure

    folder = shared_data / "pdfs" / "whitehead_introduction_to_mathematics"
    errors, words, _ = measure(folder / "41568-pdf.pdf", folder / "41568-t.tex")
    assert errors < 0.02 * words
