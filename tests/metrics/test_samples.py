"""Which texts of a run count as the author's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from voicewright.core.paths import Run
from voicewright.core.records import write_rows
from voicewright.metrics import samples


def chat(source: str, *messages: dict[str, Any]) -> dict[str, Any]:
    return {"id": source, "source": source, "work": "export", "tokens": 9, "messages": list(messages)}


def test_each_conversation_of_an_export_is_a_place_of_its_own(home: Path) -> None:
    run = Run("chats")
    turns = [{"role": "user", "content": "Well?"}, {"role": "assistant", "content": "Well."}]
    for split, source in (("train", "export.json#1"), ("heldout", "export.json#2")):
        write_rows(run.rows_path("chat", split), [chat(source, *turns)])
    training, heldout = (samples.read_author_texts(run, split) for split in ("train", "heldout"))
    assert not training.sections & heldout.sections


def test_turns_that_are_not_trained_on_and_tool_calls_are_not_the_authors_words(home: Path) -> None:
    run = Run("chats")
    row = chat(
        "export.json#1",
        {"role": "user", "content": "Well?"},
        {"role": "assistant", "content": "Let me look.", "tool_calls": [{"function": {"name": "look"}}]},
        {"role": "assistant", "content": "A persona's reply.", "train": False},
        {"role": "assistant", "content": "The author's reply."},
    )
    write_rows(run.rows_path("chat", "train"), [row])
    author = samples.read_author_texts(run, "train")
    assert author.texts == ["The author's reply."] and author.sources == ["export.json#1"]
