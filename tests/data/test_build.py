"""The rows of a run: lossless, in bounds, split by wholes, mixed by weight, with their provenance."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.conftest import book, pdf
from voicewright.core.documents.base import read_document, write_document
from voicewright.core.documents.stats import Stats
from voicewright.core.paths import Run
from voicewright.core.records import read_json, read_rows
from voicewright.data import build, masked_sample, mixing
from voicewright.data import stats as data_stats
from voicewright.data.assembly import Result
from voicewright.data.pieces import Piece, text_of
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe

Make = Callable[..., Result]


@pytest.fixture
def run(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A prepared run of a book in one file."""
    (tmp_path / "well.md").write_text(book(12))
    recipes.freeze(recipes.compose("demo", [f"source={tmp_path / 'well.md'}"], run="mine"))
    monkeypatch.setattr(sys, "argv", ["build", "mine"])
    with pytest.raises(SystemExit) as ended:
        build.main()
    assert ended.value.code == 0
    return Run("mine")


def rows_of(run: Run) -> dict[str, list[dict[str, Any]]]:
    return {split: [*read_rows(run.rows_path("completion", split))] for split in ("train", "val", "heldout")}


def test_the_rows_of_a_document_concatenate_to_its_cleaned_text(run: Run) -> None:
    rows = [row for split in rows_of(run).values() for row in split]
    rows.sort(key=lambda row: int(row["source"].rpartition(":")[2].split("-")[0]))
    (cleaned,) = (run.data_dir / "cleaned").rglob("*.md")
    assert "".join(row["text"] for row in rows) == cleaned.read_text() == book(12)


def traced(row: dict[str, Any], kept: Callable[[str], str]) -> str:
    """The characters that a row's `cleaned` names; `kept` gives a cleaned text by its path in data/."""
    path, _, span = row["cleaned"].rpartition(":")
    assert row["source"].endswith(f":{span}")
    start, end = map(int, span.split("-"))
    return kept(path)[start:end]


def test_every_row_says_where_it_comes_from(run: Run) -> None:
    for row in rows_of(run)["train"]:
        assert traced(row, lambda path: (run.data_dir / path).read_text()) == row["text"]
        assert row["section"].startswith("Chapter ") and row["work"] == "well"
        assert next(iter(row)) == "id"


def test_a_file_cleaned_of_much_is_traced_by_its_cleaned_text(made: Make, tmp_path: Path) -> None:
    head = "The Project Gutenberg eBook of It\n\n*** START OF THE PROJECT GUTENBERG EBOOK IT ***\n\n"
    (tmp_path / "notes").write_text(head + book(5))
    (tmp_path / "notes.md").write_text(book(4).replace("ladder", "rope"))
    result = made({"mine": {"path": str(tmp_path)}})
    kept = {path: str(text) for path, text in result.made.kept.items()}
    assert len(kept) == 2 and {traced(p.row, kept.__getitem__) == p.row["text"] for p in result.pieces} == {True}


def test_a_row_of_a_pdf_names_its_page_and_its_cleaned_text(made: Make, tmp_path: Path) -> None:
    wide = "you go down the ladder once again and count each of the rungs"
    pages = [[(0.9, 7.2, f"Page {p} {wide}"), (0.6, 7, wide), (0.6, 6.8, "and stop.")] for p in range(1, 10)]
    result = made({"mine": {"path": str(pdf(tmp_path / "a.pdf", pages))}}, min_tokens=8, max_tokens=60)
    assert len(result.pieces) == 9
    for row in (piece.row for piece in result.pieces):
        assert f"a.pdf:p{row['text'].split()[1]}:" in row["source"]
        assert traced(row, lambda path: str(result.made.kept[path])) == row["text"]


def test_no_chapter_is_in_two_splits(run: Run) -> None:
    chapters = [{row["section"] for row in rows} for rows in rows_of(run).values()]
    assert all(chapters) and not (chapters[0] & chapters[1] or chapters[0] & chapters[2] or chapters[1] & chapters[2])


def test_preparing_again_writes_the_same_bytes(run: Run) -> None:
    before = {path: path.read_bytes() for path in run.data_dir.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit):
        build.main()
    assert before == {path: path.read_bytes() for path in run.data_dir.rglob("*") if path.is_file()}


def test_stats_hold_the_format_the_splits_and_the_checks(run: Run) -> None:
    told = read_json(run.stats_path)
    assert told["format"] | {"special_tokens": 0} == {
        "shape": "completion", "prompt": "raw", "system": None, "special_tokens": 0, "open_ended": True, "stop": None
    }  # fmt: skip
    assert told["splits"]["train"]["rows"] == len(rows_of(run)["train"])
    assert sum(told["checks"]["tokens"]["counts"]) == sum(split["rows"] for split in told["splits"].values())
    assert told["checks"]["curation"]["share_second_person"] == 1
    assert told["checks"]["training"]["steps"] > 0


def test_stats_are_read_as_a_document_that_is_written_the_same(run: Run, tmp_path: Path) -> None:
    stats = read_document(run.stats_path, Stats)
    assert stats.checks.training.rows == sum(split.rows for split in stats.trained)
    write_document(tmp_path / "again.json", stats)
    assert (tmp_path / "again.json").read_bytes() == run.stats_path.read_bytes()


def test_the_data_card_tells_sources_counts_and_checks(run: Run) -> None:
    card = (run.data_dir / "data_card.md").read_text()
    assert all(part in card for part in ("## Sources", "## Splits", "| train |", "near duplicates", "second person"))


def test_a_source_that_is_not_there_yet_is_said_once_and_its_sample_named_in_the_card(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    composed = recipes.compose("demo", ["data.sources.demo.path=manuscripts/never-written"], run="mine")
    recipes.freeze(composed)
    recipes.source_paths(composed.recipe)  # as the driver does, and make plan
    assert "not there yet" not in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["build", "mine"])
    with pytest.raises(SystemExit):
        build.main()
    said = "note: manuscripts/never-written is not there yet: using manuscripts/sample in its place"
    assert said in capsys.readouterr().err
    assert "| demo | manuscripts/sample |" in (Run("mine").data_dir / "data_card.md").read_text()


def test_a_sample_is_masked_and_shows_no_folder(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = {"source": "/home/ada/well.md:1000001-1000099", "cleaned": "cleaned/it/home/ada/well.md:1000001-1000099"}
    row = masked_sample.publishable({"id": "1", **origin, "text": "Write to ada@example.org."})
    place = "well.md:1000001-1000099"
    assert row == {"id": "1", "source": place, "cleaned": place, "text": "Write to [e-mail]."}
    monkeypatch.setattr(sys, "argv", ["sample", "mine", "n=4"])
    with pytest.raises(SystemExit):
        masked_sample.main()
    assert len([*read_rows(run.dir / "sample.jsonl")]) == 4


def test_one_of_three_works_is_held_out_whole(made: Make, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.md").write_text(book(6).replace("ladder", f"ladder of {name}"))
    result = made({"mine": {"path": str(tmp_path)}})
    works = {split: {p.row["work"] for p in pieces} for split, pieces in result.splits["completion"].items()}
    assert len(works["heldout"]) == 1 and not works["heldout"] & (works["train"] | works["val"])


def test_files_of_one_chapter_each_are_one_work(made: Make, tmp_path: Path) -> None:
    for number, chapter in enumerate(book(6).split("# Chapter ")[1:]):
        (tmp_path / f"{number}.md").write_text(f"# Chapter {chapter}")
    result = made({"well": {"path": str(tmp_path)}})
    assert {piece.row["work"] for piece in result.pieces} == {"well"}
    assert result.kept_whole["completion"] == "chapters"


def test_a_text_without_chapters_is_split_by_scenes(made: Make, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(book(6).replace("# Chapter", "The chapter"))
    assert made({"mine": {"path": str(tmp_path)}}).kept_whole["completion"] == "scenes"


def test_the_personal_data_of_rows_is_masked_on_demand(made: Make, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(book().replace("lamp", "lamp (ada@example.org)"))
    plain, masked = (made({"mine": {"path": str(tmp_path)}}, mask_personal=on) for on in (False, True))
    assert any("ada@" in text_of(piece.row) for piece in plain.pieces)
    assert not any("ada@" in text_of(piece.row) for piece in masked.pieces)
    assert any("[e-mail]" in text_of(piece.row) for piece in masked.pieces)


def test_the_rows_of_a_file_have_the_same_columns_whatever_shapes_are_in_it() -> None:
    rows = [{"id": "1", "section": "I", "text": "a"}, {"id": "2", "mode": "dual", "text": "b"}]
    assert [*build.alike(rows)] == [
        {"id": "1", "section": "I", "text": "a", "mode": ""}, {"id": "2", "section": "", "text": "b", "mode": "dual"}
    ]  # fmt: skip


def test_steps_to_expect_count_the_end_of_text_of_raw_passages_alone(
    with_sources: Callable[..., Recipe], made: Make, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text(book(6))
    filled = {}
    for shape in ("completion", "continuation"):
        sources = {"mine": {"path": str(tmp_path), "shape": shape}}
        result = made(sources)
        (splits,) = result.splits.values()
        tokens = [piece.row["tokens"] for piece in splits["train"]]
        told = data_stats.gather(with_sources(sources), result)["checks"]["training"]
        filled[shape] = round(told["pack_fill"] * told["packs"] * 1024) - sum(tokens), len(tokens)
    assert filled["completion"][0] == pytest.approx(result.counter.specials * filled["completion"][1], abs=2)
    assert filled["continuation"][0] == pytest.approx(0, abs=2)


@given(st.dictionaries(st.sampled_from("abc"), st.integers(1, 30), min_size=1), st.floats(0.1, 3), st.integers(0, 9))
def test_weights_draw_each_source_that_often(sizes: dict[str, int], weight: float, seed: int) -> None:
    pieces = [Piece({"n": i}, "completion", name, "u", "p") for name, size in sizes.items() for i in range(size)]
    drawn = mixing.draw(pieces, {"a": weight}, seed)
    counts = Counter(piece.source for piece in drawn)
    for name, size in sizes.items():
        wanted = weight * size if name == "a" else size
        assert abs(counts[name] - wanted) <= 0.5 or counts[name] == 1
        each = Counter(piece.row["n"] for piece in drawn if piece.source == name)
        assert max(each.values()) - min(each.get(i, 0) for i in range(size)) <= 1


WORDS = ["the", "well", "and", "water", "waits", "while", "you", "count", "rungs", "again"]
PARTS = st.lists(st.sampled_from(WORDS), min_size=30, max_size=90)


@given(st.lists(PARTS.map(" ".join), min_size=4, max_size=9), st.integers(0, 5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_two_splits_share_a_passage(made: Make, tmp_path: Path, chapters: list[str], seed: int) -> None:
    chapters = [*chapters, chapters[0], chapters[1]]  # repeated on purpose
    (tmp_path / "a.md").write_text("".join(f"# T\n\n{words}.\n\n" for words in chapters))
    result = made({"mine": {"path": str(tmp_path)}}, min_tokens=16, seed=seed)
    texts = [{piece.row["text"] for piece in pieces} for pieces in result.splits["completion"].values()]
    assert not (texts[0] & texts[1] or texts[0] & texts[2] or texts[1] & texts[2])
    for piece in result.pieces:
        assert piece.row["tokens"] <= result.high and (piece.row["tokens"] >= result.low or piece.reason)


def test_rows_fit_the_sequence_with_its_special_tokens(made: Make, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(book(8))
    result = made({"mine": {"path": str(tmp_path)}}, sequence_len=128, max_tokens=480, min_tokens=16)
    assert result.high == 128 - result.counter.specials
    assert max(piece.row["tokens"] for piece in result.pieces) <= result.high


@pytest.mark.slow
def test_seventy_novels_come_out_lossless_and_within_bounds(made: Make, shared_data: Path) -> None:
    result = made({"novels": {"path": str(shared_data / "novels" / "[A-E]*.txt")}})
    documents: dict[str, list[Piece]] = {}
    for piece in result.pieces:
        documents.setdefault(piece.row["source"].rpartition(":")[0], []).append(piece)
    assert len(documents) > 15
    cleaned = {path.rpartition("/")[2]: text for path, text in result.made.kept.items()}
    for label, pieces in documents.items():
        pieces.sort(key=lambda piece: int(piece.row["source"].rpartition(":")[2].split("-")[0]))
        assert "".join(piece.row["text"] for piece in pieces) == cleaned[f"{Path(label).name}.cleaned.md"]
    assert all(piece.row["tokens"] <= result.high for piece in result.pieces)
    assert all(piece.row["tokens"] >= result.low or piece.reason for piece in result.pieces)


def test_json_of_stats_is_plain(run: Run, with_sources: Callable[..., Recipe]) -> None:
    assert json.loads(run.stats_path.read_text())["checks"]["bounds"]["max_tokens"] == 448
