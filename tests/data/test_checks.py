"""The checks find what was planted, and nothing in good prose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.conftest import PARAGRAPHS
from voicewright.core.rows import TrainingRow
from voicewright.data import stats, tokenizers
from voicewright.data.assembly import Assembly
from voicewright.data.checks import curation, duplicates, health, personal
from voicewright.data.chunking import Boundary
from voicewright.data.shapes.base import PreparedRow
from voicewright.data.tokenizers import load
from voicewright.recipe.schema import Recipe

WORDS = [f"word{i}" for i in range(400)]
TOKENS = tokenizers.control_token_pattern(["<|im_end|>"])


def test_exact_and_near_duplicates_are_found() -> None:
    text = " ".join(WORDS[:200])
    near = " ".join([*WORDS[:190], "other", "words", "here"])
    texts = [("a", text), ("b", text.upper() + "!"), ("c", near), ("d", " ".join(WORDS[200:]))]
    exact_rows, near_rows = duplicates.find(texts)
    assert [(row.id, row.same_as) for row in exact_rows] == [("b", "a")]
    assert [(row.id, row.like) for row in near_rows] == [("c", "a")]


def test_a_held_out_row_that_stands_in_part_in_training_is_a_leak() -> None:
    other = " ".join([*WORDS[300:360], *WORDS[0:40]])
    leaks = duplicates.leaks(
        duplicates.known_runs([" ".join(WORDS[:200])]), {"x": other, "y": " ".join(WORDS[250:300])}
    )
    assert [leak.id for leak in leaks] == ["x"]
    assert 0.2 < leaks[0].share < 0.45


def test_novels_do_not_leak_into_one_another(shared_data: Path) -> None:
    one, two = (
        (shared_data / "novels" / name).read_text(encoding="utf-8-sig")[:80_000]
        for name in ("Hardy_Tess_1891.txt", "Hardy_Jude_1895.txt")
    )
    assert (
        duplicates.leaks(duplicates.known_runs([one]), {str(i): two[i : i + 2000] for i in range(0, 80_000, 2000)})
        == []
    )


def test_text_health_finds_what_was_planted() -> None:
    good = " ".join(PARAGRAPHS)
    texts = {
        "good": good,
        "mojibake": good + " thereâ€™s a cafÃ©",
        "control": good + "\x07",
        "french": "Il était une fois une petite fille qui vivait avec sa mère dans une maison au bord de la forêt. "
        * 3,
        "repeated": "\n".join(["The same line is here once more."] * 3) + "\n" + good,
        "token": good + " <|im_end|>",
        "better": good,
    }
    check = health.check(texts, TOKENS)
    assert check.language == "en"
    assert {name: [row.id for row in rows] for name, rows in check.rows.items()} == {
        "mojibake": ["mojibake"],
        "control_characters": ["control"],
        "other_language": ["french"],
        "repeated_lines": ["repeated"],
        "control_tokens": ["token"],
    }


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to ada.b+c@mail.example.org, please.", "Write to [e-mail], please."),
        ("Call +44 20 7946 0958 or (555) 123-4567 x.", "Call [phone] or [phone] x."),
        ("key AKIAIOSFODNN7EXAMPLE here", "key [secret] here"),
        ("ghp_0123456789abcdefABCDEF0123456789abcd", "[secret]"),
        ("It was 1914-1918, 12/05/2020, and 1,000,000 more; page 123.", None),
        ("She counted 61 rungs, 14 000 times, since 1843.", None),
    ],
)
def test_personal_data_is_masked_and_figures_are_not(text: str, masked: str | None) -> None:
    assert personal.masked(text) == (masked or text)


def test_the_personal_data_itself_is_not_repeated_in_the_report() -> None:
    assert personal.check({"a": "ada@example.org", "b": "none"}).to_json() == {
        "counts": {"e-mail": 1, "phone": 0, "secret": 0},
        "rows": [{"id": "a", "kinds": ["e-mail"]}],
    }


@given(st.text(alphabet="ab@.+0123456789 -()_", max_size=60))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = personal.masked(text)
    assert personal.masked(once) == once or "@" in once or any(c.isdigit() for c in once)


def passage(text: str, chapter: int, ends_at: Boundary = "chapter") -> PreparedRow:
    row = TrainingRow(id=f"{chapter}{len(text)}", source="s", work="w", section=f"c{chapter}", tokens=9, text=text)
    return PreparedRow(row, "s", f"u{chapter}", "p", None, ends_at)


def test_the_curation_report_tells_dialogue_you_and_the_odd_chapter() -> None:
    counter = load("models/tiny-base")
    talk = '"Mind it," he said. "You never do." "I do," she said, "and you know it."'
    rows = [passage(" ".join(PARAGRAPHS), n) for n in range(8)] + [passage(f"{talk} {talk} {talk}", 9, "paragraph")]
    report = curation.report(rows, counter)
    assert report.passages == 9 and report.share_second_person == pytest.approx(8 / 9, abs=0.001)
    assert report.kinds["dialogue"] == pytest.approx(1 / 9, abs=0.001)
    assert report.share_ending_with_scene == pytest.approx(8 / 9, abs=0.001)
    assert {(outlier.section, outlier.feature) for outlier in report.outlier_chapters} == {
        ("c9", "second person"), ("c9", "dialogue")
    }  # fmt: skip


def test_you_in_quoted_speech_is_not_the_narrators() -> None:
    report = curation.report([passage('He left. "You fool," she said. "Your hat!"', 1)], load("models/tiny-base"))
    assert report.you_per_1000 == 0


def test_a_question_that_both_splits_ask_is_no_leak_of_the_authors_words(
    assembled: Callable[..., Assembly], with_sources: Callable[..., Recipe], tmp_path: Path
) -> None:
    question = " ".join(WORDS[:40])
    chats = [{"instruction": question, "output": f"Answer number {n}, and no other."} for n in range(12)]
    (tmp_path / "a.json").write_text(json.dumps(chats))
    sources = {"mine": {"path": str(tmp_path / "a.json"), "shape": "instruction"}}
    duplicates_check = stats.gather(with_sources(sources), assembled(sources)).checks.duplicates
    assert not duplicates_check.leaks_val and not duplicates_check.leaks_heldout
