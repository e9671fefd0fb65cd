from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicewright.core.errors import UserError
from voicewright.core.records import Appender, content_id, fingerprint, read_rows, replacing, write_rows

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None)  # each one is synced to the disk
@given(st.lists(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values)))
def test_rows_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    assert write_rows(path, rows) == len(rows)
    assert list(read_rows(path)) == rows


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60))
def test_an_append_only_file_cut_anywhere_keeps_its_whole_rows(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "rows.jsonl"
    with Appender(path) as file:
        for number in range(5):
            file.append({"n": number})
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = data.count(b"\n")
    with Appender(path) as file:
        assert file.rows == [{"n": number} for number in range(whole)]
        file.append({"n": "next"})
    assert [row["n"] for row in read_rows(path)] == [*range(whole), "next"]


def test_a_block_that_fails_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n[1]\n')
    with pytest.raises(UserError, match=r"rows\.jsonl:2: expected a JSON object, found list"):
        list(read_rows(path))


def test_an_id_depends_on_content_and_not_on_key_order() -> None:
    assert content_id({"a": 1, "b": 2}) == content_id({"b": 2, "a": 1})
    assert content_id({"a": 1}) != content_id({"a": 2})


def test_the_fingerprint_of_a_folder_changes_with_a_file_inside_it(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a").write_text("1")
    before = fingerprint(tmp_path / "f")
    (tmp_path / "f" / "a").write_text("2")
    assert fingerprint(tmp_path / "f") != before
    assert fingerprint(tmp_path / "none") == "absent"
