"""Typed rows: what is kept, what is refused, and whose words count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicewright.core.documents.base import read_documents, write_documents
from voicewright.core.errors import UserError
from voicewright.core.rows import Message, TrainingRow, mode_frame, read_prompt_format

CHAT = {
    "id": "a",
    "source": "chats.json",
    "tokens": 9,
    "messages": [
        {"role": "user", "content": "And then?"},
        {"role": "assistant", "content": "I waited.", "train": True},
        {"role": "assistant", "content": "Not mine.", "train": False},
        {"role": "assistant", "content": '{"query": "tides"}', "tool_calls": [{"name": "search"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"name": "search"}]},
        {"role": "assistant", "content": "You wait too."},
    ],
}


def test_turns_that_are_not_trained_on_and_tool_calls_are_not_the_authors_words() -> None:
    assert TrainingRow.model_validate(CHAT).author_texts == ["I waited.", "You wait too."]


def test_of_a_pair_the_chosen_reply_is_the_authors() -> None:
    row = TrainingRow(id="a", source="s", tokens=1, messages=[], chosen=Message(role="assistant", content="Yes."))
    assert row.author_text == "Yes."


def test_of_a_mode_the_answer_without_its_tags_is_the_authors() -> None:
    text = "<user>Tea?</user>\n<assistant>Gladly.</assistant>"
    row = TrainingRow(id="a", source="s", tokens=1, mode="emulation", text=text)
    assert (row.author_texts, row.mode_question) == (["Gladly."], "Tea?")
    assert mode_frame([row]) == ("<user>", "</user>\n")


def test_a_field_that_is_not_named_survives_and_one_that_was_not_set_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({**CHAT, "later": {"version": 2}}) + "\n")
    rows = list(read_documents(path, TrainingRow))
    write_documents(path, rows)
    assert json.loads(path.read_text()) == {**CHAT, "later": {"version": 2}}


def test_a_row_that_lacks_something_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(CHAT) + '\n\n{"id": "b", "source": "s", "tokens": "many"}\n')
    with pytest.raises(UserError, match=r"rows.jsonl:3: tokens: .*integer.* found 'many'"):
        list(read_documents(path, TrainingRow))


def test_the_prompt_format_of_a_run_without_data_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="make prepare RUN=mine"):
        read_prompt_format(tmp_path / "mine" / "data" / "stats.json")


@given(st.text(), st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text(), max_size=3))
def test_any_row_comes_back_as_it_was_written(text: str, extra: dict[str, object]) -> None:
    row = {**extra, "id": "a", "source": "s", "tokens": 1, "text": text}
    for name in TrainingRow.model_fields:
        if name in extra:
            row.pop(name, None)
    row |= {"id": "a", "source": "s", "tokens": 1, "text": text}
    assert TrainingRow.model_validate(row).to_json() == row
