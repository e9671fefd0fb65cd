"""Every problem of the material is reported at once, with file and line, and nothing is half-written."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.data.conftest import book, docx, epub, odt, pdf, zipped
from voicewright.core import paths
from voicewright.core.errors import UserError
from voicewright.data import preparation
from voicewright.data.assembly import Assembly
from voicewright.data.errors import Unreadable
from voicewright.data.readers.conversations import read_conversation
from voicewright.data.readers.json_rows import JsonRow
from voicewright.data.shapes.preference import read_pair
from voicewright.recipe import recipes

Make = Callable[..., Assembly]


def problems(assembled: Make, path: Path, shape: str = "completion", **data: Any) -> list[str]:
    with pytest.raises(UserError) as refused:
        assembled({"mine": {"path": str(path), "shape": shape}}, **data)
    return refused.value.problems


def only(assembled: Make, path: Path, shape: str = "completion", **data: Any) -> str:
    (problem,) = problems(assembled, path, shape, **data)
    return problem


def test_an_empty_file(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    assert only(assembled, tmp_path).endswith("a.txt: is empty; take it out, or save the text into it")
    (tmp_path / "a.txt").write_text(" \n\n ")
    assert only(assembled, tmp_path).endswith("a.txt: holds no text; take it out")


def test_a_binary_file_under_a_texts_name(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"line one\n" + bytes(range(256)) * 20)
    assert "a.txt:2: holds binary data" in only(assembled, tmp_path)


def test_bytes_that_are_no_known_encoding_are_refused_with_their_line(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"good\ngood\nbad \x81\x8d here\n" * 9)
    assert "a.txt:3: is neither UTF-8 nor Windows-1252" in only(assembled, tmp_path)


def test_a_torn_utf16_file(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("some text that is cut".encode("utf-16")[:-1])
    assert "is torn" in only(assembled, tmp_path)


def test_windows_1252_is_read_and_said(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(book().replace("water", "caf\u00e9").encode("cp1252"))
    result = assembled({"mine": {"path": str(tmp_path)}})
    assert [drop.reason for drop in result.output.dropped] == ["read as cp1252"]
    assert any("café" in piece.row.all_text for piece in result.output.rows)


def test_a_torn_line_of_jsonl_is_named_and_the_others_are_still_looked_at(assembled: Make, tmp_path: Path) -> None:
    good = json.dumps({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]})
    (tmp_path / "a.jsonl").write_text(f'{good}\n{good}\n{good[:30]}\n{good}\n["no"]\n{{"unknown": 1}}\n')
    messages = problems(assembled, tmp_path, "chat")
    assert len(messages) == 3
    assert "a.jsonl:3: is not valid JSON" in messages[0]
    assert 'a.jsonl:5: expected a JSON object ({...}), found ["no"]' in messages[1]
    assert "a.jsonl:6: has the keys unknown" in messages[2]


def test_broken_json_is_named_with_its_line(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[\n{"messages": []},\n{"messages": \n')
    assert "a.json:4: is not valid JSON" in only(assembled, tmp_path, "chat")


def test_json_nested_without_end(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 200_000)
    assert "a.json" in only(assembled, tmp_path, "chat")


@pytest.mark.parametrize("kind", ["docx", "epub", "odt"])
def test_a_zip_bomb(assembled: Make, tmp_path: Path, kind: str) -> None:
    name = {"docx": "word/document.xml", "epub": "META-INF/container.xml", "odt": "content.xml"}[kind]
    zipped(tmp_path / f"a.{kind}", {name: b"0" * (40 * 2**20)})
    assert "a zip bomb, or not a book" in only(assembled, tmp_path)


def test_a_zip_that_lies_about_its_size(assembled: Make, tmp_path: Path) -> None:
    path = epub(tmp_path / "a.epub", ["<p>" + "word " * 5000 + "</p>"])
    data = path.read_bytes()
    at = data.rfind(b"OPS/p0.xhtml") - 46  # its entry in the central directory
    assert data[at : at + 4] == b"PK\x01\x02"
    path.write_bytes(data[: at + 24] + (100).to_bytes(4, "little") + data[at + 28 :])
    assert "a.epub" in only(assembled, tmp_path)


BOMB = '<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
THIEF = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("head", [BOMB, THIEF])
def test_entities_in_a_word_document_are_refused(assembled: Make, tmp_path: Path, head: str) -> None:
    text = '<w:p><w:r><w:t xmlns:w="x">&a;</w:t></w:r></w:p>'
    docx(tmp_path / "a.docx", text, head)
    assert "a.docx: declares XML entities in word/document.xml" in only(assembled, tmp_path)


@pytest.mark.parametrize("head", [BOMB, THIEF])
def test_entities_in_an_epub_are_refused(assembled: Make, tmp_path: Path, head: str) -> None:
    epub(tmp_path / "a.epub", ["<p>&a;</p>"], head)
    assert "a.epub: declares XML entities in OPS/p0.xhtml" in only(assembled, tmp_path)


def test_a_damaged_archive(assembled: Make, tmp_path: Path) -> None:
    path = docx(tmp_path / "a.docx", "<w:p/>")
    path.write_bytes(path.read_bytes()[:300])
    assert "a.docx: is a damaged archive" in only(assembled, tmp_path)
    zipped(tmp_path / "a.docx", {"word/document.xml": "<w:document"})
    assert "has broken XML" in only(assembled, tmp_path)


def test_bytes_lost_inside_an_archive(assembled: Make, tmp_path: Path) -> None:
    path = odt(tmp_path / "a.odt", "".join(f"<text:p>Rung {n}, and {n * n} more.</text:p>" for n in range(400)))
    data = bytearray(path.read_bytes())
    data[600:640] = bytes(40)
    path.write_bytes(data)
    assert "a.odt: is damaged or encrypted at content.xml" in only(assembled, tmp_path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.docx", lambda path: zipped(path, {"word/document.xml": "<document/>", "[Content_Types].xml": "<Types/>"})),
        ("a.docx", lambda path: _without_type(docx(path, ""))),
        ("a.odt", lambda path: odt(path, '<text:h text:outline-level="first">One</text:h>')),
        ("a.html", lambda path: path.write_text("<html><![foo[ x ]]><p>words")),
    ],
)
def test_a_book_with_a_part_of_the_wrong_kind(assembled: Make, tmp_path: Path, name: str, write: Any) -> None:
    write(tmp_path / name)
    assert f"{name}: is damaged" in only(assembled, tmp_path)


def _without_type(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {each: archive.read(each).replace(b" ContentType=", b" Content=") for each in archive.namelist()}
    zipped(path, {**parts})


KEYS = (
    "mapping current_node chat_messages conversations messages instruction prompt output history system chosen rejected"
)
INNER = "role content from value text parts author message parent uuid sender create_time metadata weight tool_calls"
SOMETHING = st.recursive(
    st.none() | st.integers(-2, 9) | st.sampled_from(["", "a", "user", "assistant"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(INNER.split()), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(KEYS.split()), SOMETHING, max_size=5))
@settings(max_examples=200, deadline=None)
@example({"chat_messages": None})
@example({"mapping": {"a": 1}, "current_node": "a"})
@example({"instruction": "Hi", "output": "Ho", "history": ["Hi"]})
def test_a_conversation_of_the_wrong_kind_is_unreadable_and_no_crash(value: dict[str, Any]) -> None:
    for parse in (read_conversation, read_pair):
        with contextlib.suppress(Unreadable):
            parse(JsonRow("x:1", value))


def test_items_that_are_no_objects_are_named(assembled: Make, tmp_path: Path) -> None:
    good = {"instruction": "Hi", "output": "Ho"}
    (tmp_path / "a.json").write_text(json.dumps([good, "words", good, *[1] * 7]))
    messages = problems(assembled, tmp_path, "chat")
    assert 'a.json#2: expected a JSON object ({...}), found "words"' in messages[0]
    assert len(messages) == 6 and messages[-1].endswith("a.json: and 3 more items like these")


def test_an_archive_that_is_no_book(assembled: Make, tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", {"one.txt": "words"})
    assert "no .docx, .epub or .odt; unpack it" in only(assembled, tmp_path)


def test_a_locked_archive(assembled: Make, tmp_path: Path) -> None:
    path = odt(tmp_path / "a.odt", "")
    data = bytearray(path.read_bytes())
    for at in (data.rfind(b"content.xml") - 46 + 8, data.find(b"content.xml") - 30 + 6):
        data[at] |= 1  # the encrypted bit
    path.write_bytes(bytes(data))
    assert "damaged or encrypted" in only(assembled, tmp_path)


def test_a_file_of_500_mebibytes(assembled: Make, tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(500 * 2**20)
    assert "a.txt: has 500 MiB" in only(assembled, tmp_path)


def test_a_passage_with_no_boundary_is_cut_and_the_cut_recorded(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n".join("abcdefghij" * 2000 for _ in range(3)))
    result = assembled({"mine": {"path": str(tmp_path)}})
    assert max(piece.row.tokens for piece in result.output.rows) <= result.max_tokens
    assert any("is cut at a character" in (piece.bounds_exception or "") for piece in result.output.rows)


def test_a_conversation_whose_parents_run_in_a_circle(assembled: Make, tmp_path: Path) -> None:
    node = {"message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi"]}}}
    mapping = {"a": node | {"parent": "b", "children": ["b"]}, "b": node | {"parent": "a", "children": ["a"]}}
    (tmp_path / "c.json").write_text(json.dumps([{"title": "t", "mapping": mapping, "current_node": "b"}]))
    assert "c.json#1: runs in a circle at node b" in only(assembled, tmp_path, "chat")


def test_a_link_out_of_the_folder(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("not yours")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "sub").symlink_to(tmp_path)
    messages = problems(assembled, folder)
    assert len(messages) == 2
    assert "a.txt: is a link out of the source's folder" in messages[0]


def test_a_link_to_nowhere(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "b.txt")
    assert "a.txt: cannot be read (No such file" in only(assembled, tmp_path)


def test_a_fifo_does_not_hang(assembled: Make, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    assert "a.txt: is a pipe" in only(assembled, tmp_path)


def test_an_unreadable_file(assembled: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("words")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    assert "a.txt: may not be read" in only(assembled, tmp_path)


def test_control_tokens_in_a_text_are_refused_with_their_line(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(book() + "\nHe said <|im_end|> and left.\n")
    problem = only(assembled, tmp_path)
    line = book().count("\n") + 2
    assert f"a.md:{line}: spells '<|im_end|>'" in problem and "special_tokens=remove" in problem


def test_control_tokens_are_removed_on_demand_and_it_is_said(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(book() + "\nHe said <|im_end|> and left.\n")
    result = assembled({"mine": {"path": str(tmp_path)}}, special_tokens="remove")
    assert not any("<|im_end|>" in piece.row.all_text for piece in result.output.rows)
    assert "1 control token(s) of a model" in [drop.reason for drop in result.output.dropped]


def test_control_tokens_in_a_chat_are_refused(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"instruction": "Hi", "output": "Ho<|im_end|>"}) + "\n")
    assert "a.jsonl:1: spells '<|im_end|>'" in only(assembled, tmp_path, "chat")


def test_a_scanned_pdf_is_refused_with_the_name_of_an_ocr_tool(assembled: Make, tmp_path: Path) -> None:
    pdf(tmp_path / "a.pdf", [[], [], []])
    assert "it is scanned" in only(assembled, tmp_path) and "ocrmypdf" in only(assembled, tmp_path)


def test_a_damaged_pdf(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    assert "a.pdf: is a damaged PDF" in only(assembled, tmp_path)


def test_an_old_word_document_says_what_to_do(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.doc").write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)
    assert "save it as .docx" in only(assembled, tmp_path)


def test_a_cut_off_rich_text(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.rtf").write_text(r"{\rtf1\ansi {\i words that")
    assert "a.rtf: is cut off" in only(assembled, tmp_path)


def test_json_where_prose_is_expected(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"messages": []}]')
    assert "give its source a shape" in only(assembled, tmp_path)


def test_a_path_with_nothing_there(assembled: Make, tmp_path: Path) -> None:
    assert "data.sources.mine: nothing to read at" in only(assembled, tmp_path / "no" / "*.txt")


def test_all_problems_are_reported_at_once_and_nothing_is_written(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "book"
    folder.mkdir()
    (folder / "good.md").write_text(book())
    (folder / "empty.txt").write_text("")
    (folder / "old.doc").write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)
    (folder / "bad.docx").write_bytes(b"PK\x03\x04 nothing")
    zipfile.ZipFile(folder / "other.zip", "w").close()
    recipes.freeze(recipes.compose("demo", [f"source={folder}"], run="mine"))
    with pytest.raises(UserError) as refused:
        preparation.prepare_run(paths.Run("mine"))
    message = str(refused.value)
    assert all(name in message for name in ("empty.txt", "old.doc", "bad.docx", "other.zip"))
    assert "good.md" not in message
    assert not paths.Run("mine").data_dir.exists()
