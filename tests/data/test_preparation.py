"""The rows of a run: lossless, in bounds, split by wholes, mixed by weight, with their provenance."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.conftest import book, pdf
from voicewright.core.documents.base import read_document, read_documents, write_document
from voicewright.core.documents.stats import Stats
from voicewright.core.paths import Run
from voicewright.core.records import read_rows
from voicewright.core.rows import TrainingRow
from voicewright.data import preparation, splitting
from voicewright.data import stats as data_stats
from voicewright.data.assembly import Assembly
from voicewright.data.shapes.base import PreparedRow
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe

Make = Callable[..., Assembly]


@pytest.fixture
def run(home: Path, tmp_path: Path) -> Run:
    """A prepared run of a book in one file."""
    (tmp_path / "well.md").write_text(book(12))
    recipes.freeze(recipes.compose("demo", [f"source={tmp_path / 'well.md'}"], run="mine"))
    preparation.prepare_run(Run("mine"))
    return Run("mine")


def rows_of(run: Run) -> dict[str, list[TrainingRow]]:
    paths = {split: run.rows_path("completion", split) for split in ("train", "val", "heldout")}
    return {split: [*read_documents(path, TrainingRow)] for split, path in paths.items()}


def test_the_rows_of_a_document_concatenate_to_its_cleaned_text(run: Run) -> None:
    rows = [row for split in rows_of(run).values() for row in split]
    rows.sort(key=lambda row: int(row.source.rpartition(":")[2].split("-")[0]))
    (cleaned,) = (run.data_dir / "cleaned").rglob("*.md")
    assert "".join(row.all_text for row in rows) == cleaned.read_text() == book(12)


def traced(row: TrainingRow, read: Callable[[str], str]) -> str:
    """The characters that a row's `cleaned` names; `read` gives a cleaned text by its path in data/."""
    path, _, span = str(row.cleaned).rpartition(":")
    assert row.source.endswith(f":{span}")
    start, end = map(int, span.split("-"))
    return read(path)[start:end]


def test_every_row_says_where_it_comes_from(run: Run) -> None:
    for row in rows_of(run)["train"]:
        assert traced(row, lambda path: (run.data_dir / path).read_text()) == row.text
        assert str(row.section).startswith("Chapter ") and row.work == "well"
        assert next(iter(row.to_json())) == "id"


def test_a_file_cleaned_of_much_is_traced_by_its_cleaned_text(assembled: Make, tmp_path: Path) -> None:
    head = "The Project Gutenberg eBook of It\n\n*** START OF THE PROJECT GUTENBERG EBOOK IT ***\n\n"
    (tmp_path / "notes").write_text(head + book(5))
    (tmp_path / "notes.md").write_text(book(4).replace("ladder", "rope"))
    result = assembled({"mine": {"path": str(tmp_path)}})
    files = {path: str(text) for path, text in result.output.files.items()}
    assert len(files) == 2 and {traced(p.row, files.__getitem__) == p.row.text for p in result.output.rows} == {True}


def test_a_row_of_a_pdf_names_its_page_and_its_cleaned_text(assembled: Make, tmp_path: Path) -> None:
    wide = "you go down the ladder once again and count each of the rungs"
    pages = [[(0.9, 7.2, f"Page {p} {wide}"), (0.6, 7, wide), (0.6, 6.8, "and stop.")] for p in range(1, 10)]
    result = assembled({"mine": {"path": str(pdf(tmp_path / "a.pdf", pages))}}, min_tokens=8, max_tokens=60)
    assert len(result.output.rows) == 9
    for row in (piece.row for piece in result.output.rows):
        assert f"a.pdf:p{row.all_text.split()[1]}:" in row.source
        assert traced(row, lambda path: str(result.output.files[path])) == row.text


def test_no_chapter_is_in_two_splits(run: Run) -> None:
    chapters = [{row.section for row in rows} for rows in rows_of(run).values()]
    assert all(chapters) and not (chapters[0] & chapters[1] or chapters[0] & chapters[2] or chapters[1] & chapters[2])


def test_preparing_again_writes_the_same_bytes(run: Run) -> None:
    before = {path: path.read_bytes() for path in run.data_dir.rglob("*") if path.is_file()}
    preparation.prepare_run(run)
    assert before == {path: path.read_bytes() for path in run.data_dir.rglob("*") if path.is_file()}


def test_stats_hold_the_format_the_splits_and_the_checks(run: Run) -> None:
    stats = read_document(run.stats_path, Stats)
    assert stats.format.to_json() | {"special_tokens": 0} == {
        "shape": "completion", "prompt": "raw", "system": None, "special_tokens": 0, "open_ended": True, "stop": None
    }  # fmt: skip
    assert stats.splits["train"].rows == len(rows_of(run)["train"])
    assert sum(stats.checks.tokens.counts) == sum(split.rows for split in stats.splits.values())
    assert stats.checks.curation and stats.checks.curation.share_second_person == 1
    assert stats.checks.training.steps > 0


def test_stats_are_read_as_a_document_that_is_written_the_same(run: Run, tmp_path: Path) -> None:
    stats = read_document(run.stats_path, Stats)
    assert stats.checks.training.rows == sum(split.rows for split in stats.trained)
    write_document(tmp_path / "again.json", stats)
    assert (tmp_path / "again.json").read_bytes() == run.stats_path.read_bytes()


def test_the_data_card_tells_sources_counts_and_checks(run: Run) -> None:
    card = (run.data_dir / "data_card.md").read_text()
    assert all(part in card for part in ("## Sources", "## Splits", "| train |", "near duplicates", "second person"))


def test_a_source_that_is_not_there_yet_is_said_once_and_its_sample_named_in_the_card(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    composed = recipes.compose("demo", ["data.sources.demo.path=manuscripts/never-written"], run="mine")
    recipes.freeze(composed)
    recipes.source_paths(composed.recipe)  # as the driver does, and make plan
    assert "not there yet" not in capsys.readouterr().err
    preparation.prepare_run(Run("mine"))
    message = "note: manuscripts/never-written is not there yet: using manuscripts/sample in its place"
    assert message in capsys.readouterr().err
    assert "| demo | manuscripts/sample |" in (Run("mine").data_dir / "data_card.md").read_text()


def test_a_sample_is_masked_and_shows_no_folder(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    place, folder, text = "well.md:1000001-1000099", "home/ada/", "Write to ada@example.org."
    row = TrainingRow(id="1", source=f"/{folder}{place}", cleaned=f"cleaned/it/{folder}{place}", tokens=9, text=text)
    values = {"id": "1", "source": place, "cleaned": place, "tokens": 9, "text": "Write to [e-mail]."}
    assert preparation.publishable(row).to_json() == values
    preparation.write_masked_sample(run, 4)
    assert "4 masked rows" in capsys.readouterr().out
    assert len([*read_rows(run.dir / "sample.jsonl")]) == 4


def test_one_of_three_works_is_held_out_whole(assembled: Make, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.md").write_text(book(6).replace("ladder", f"ladder of {name}"))
    result = assembled({"mine": {"path": str(tmp_path)}})
    works = {split: {p.row.work for p in pieces} for split, pieces in result.splits["completion"].items()}
    assert len(works["heldout"]) == 1 and not works["heldout"] & (works["train"] | works["val"])


def test_files_of_one_chapter_each_are_one_work(assembled: Make, tmp_path: Path) -> None:
    for number, chapter in enumerate(book(6).split("# Chapter ")[1:]):
        (tmp_path / f"{number}.md").write_text(f"# Chapter {chapter}")
    result = assembled({"well": {"path": str(tmp_path)}})
    assert {piece.row.work for piece in result.output.rows} == {"well"}
    assert result.wholes["completion"] == "chapters"


def test_a_text_without_chapters_is_split_by_scenes(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(book(6).replace("# Chapter", "The chapter"))
    assert assembled({"mine": {"path": str(tmp_path)}}).wholes["completion"] == "scenes"


def test_the_personal_data_of_rows_is_masked_on_demand(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(book().replace("lamp", "lamp (ada@example.org)"))
    plain, masked = (assembled({"mine": {"path": str(tmp_path)}}, mask_personal=on) for on in (False, True))
    assert any("ada@" in piece.row.all_text for piece in plain.output.rows)
    assert not any("ada@" in piece.row.all_text for piece in masked.output.rows)
    assert any("[e-mail]" in piece.row.all_text for piece in masked.output.rows)


def test_the_rows_of_a_file_have_the_same_columns_whatever_shapes_are_in_it() -> None:
    rows = [
        TrainingRow(id="1", source="a", section="I", tokens=1, text="a"),
        TrainingRow(id="2", source="b", mode="dual", tokens=1, text="b"),
    ]
    assert [*preparation.same_columns(rows)] == [
        {"id": "1", "source": "a", "section": "I", "tokens": 1, "text": "a", "mode": ""},
        {"id": "2", "source": "b", "section": "", "tokens": 1, "text": "b", "mode": "dual"},
    ]


def test_steps_to_expect_count_the_end_of_text_of_raw_passages_alone(
    with_sources: Callable[..., Recipe], assembled: Make, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text(book(6))
    filled = {}
    for shape in ("completion", "continuation"):
        sources = {"mine": {"path": str(tmp_path), "shape": shape}}
        result = assembled(sources)
        (splits,) = result.splits.values()
        tokens = [piece.row.tokens for piece in splits["train"]]
        training = data_stats.gather(with_sources(sources), result).checks.training
        filled[shape] = round(training.pack_fill * training.packs * 1024) - sum(tokens), len(tokens)
    assert filled["completion"][0] == pytest.approx(result.counter.added_tokens * filled["completion"][1], abs=2)
    assert filled["continuation"][0] == pytest.approx(0, abs=2)


def numbered(number: int) -> TrainingRow:
    return TrainingRow(id="", source="", tokens=number, text="")


@given(st.dictionaries(st.sampled_from("abc"), st.integers(1, 30), min_size=1), st.floats(0.1, 3), st.integers(0, 9))
def test_weights_draw_each_source_that_often(sizes: dict[str, int], weight: float, seed: int) -> None:
    rows = [PreparedRow(numbered(i), name, "u", "p") for name, size in sizes.items() for i in range(size)]
    drawn = splitting.mix(rows, {"a": weight}, seed)
    counts = Counter(row.source for row in drawn)
    for name, size in sizes.items():
        expected = weight * size if name == "a" else size
        assert abs(counts[name] - expected) <= 0.5 or counts[name] == 1
        times = Counter(row.row.tokens for row in drawn if row.source == name)
        assert max(times.values()) - min(times.get(i, 0) for i in range(size)) <= 1


WORDS = ["the", "well", "and", "water", "waits", "while", "you", "count", "rungs", "again"]
PARTS = st.lists(st.sampled_from(WORDS), min_size=30, max_size=90)


@given(st.lists(PARTS.map(" ".join), min_size=4, max_size=9), st.integers(0, 5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_two_splits_share_a_passage(assembled: Make, tmp_path: Path, chapters: list[str], seed: int) -> None:
    chapters = [*chapters, chapters[0], chapters[1]]  # repeated on purpose
    (tmp_path / "a.md").write_text("".join(f"# T\n\n{words}.\n\n" for words in chapters))
    result = assembled({"mine": {"path": str(tmp_path)}}, min_tokens=16, seed=seed)
    texts = [{piece.row.text for piece in pieces} for pieces in result.splits["completion"].values()]
    assert not (texts[0] & texts[1] or texts[0] & texts[2] or texts[1] & texts[2])
    for piece in result.output.rows:
        assert piece.row.tokens <= result.max_tokens
        assert piece.row.tokens >= result.min_tokens or piece.bounds_exception


def test_rows_fit_the_sequence_with_its_special_tokens(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(book(8))
    result = assembled({"mine": {"path": str(tmp_path)}}, sequence_len=128, max_tokens=480, min_tokens=16)
    assert result.max_tokens == 128 - result.counter.added_tokens
    assert max(piece.row.tokens for piece in result.output.rows) <= result.max_tokens


@pytest.mark.slow
def test_seventy_novels_come_out_lossless_and_within_bounds(assembled: Make, shared_data: Path) -> None:
    result = assembled({"novels": {"path": str(shared_data / "novels" / "[A-E]*.txt")}})
    documents: dict[str, list[PreparedRow]] = {}
    for piece in result.output.rows:
        documents.setdefault(piece.row.source.rpartition(":")[0], []).append(piece)
    assert len(documents) > 15
    cleaned = {path.rpartition("/")[2]: text for path, text in result.output.files.items()}
    for label, pieces in documents.items():
        pieces.sort(key=lambda piece: int(piece.row.source.rpartition(":")[2].split("-")[0]))
        assert "".join(piece.row.all_text for piece in pieces) == cleaned[f"{Path(label).name}.cleaned.md"]
    assert all(piece.row.tokens <= result.max_tokens for piece in result.output.rows)
    assert all(piece.row.tokens >= result.min_tokens or piece.bounds_exception for piece in result.output.rows)


def test_json_of_stats_is_plain(run: Run, with_sources: Callable[..., Recipe]) -> None:
    assert json.loads(run.stats_path.read_text())["checks"]["bounds"]["max_tokens"] == 448
