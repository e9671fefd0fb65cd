"""What `make show` prints of training rows, without Axolotl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.engine import completion_rows, paragraphs, write_stats
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import write_rows
from voicewright.data.trained_tokens import Segment
from voicewright.pipeline import row_display
from voicewright.recipe import recipes


def run_of(shape: str, rows: list[dict[str, Any]]) -> Run:
    recipes.load("demo", [f"data.sources.sample.shape={shape}"], run="test")
    run = Run("test")
    write_rows(run.rows_path(shape, "train"), rows)
    write_stats(run, shape)
    return run


def test_what_is_only_read_is_dimmed() -> None:
    text = row_display.styled([Segment("Question? ", False), Segment("Answer.", True)])
    assert text.plain == "Question? Answer."
    assert [(text.plain[span.start : span.end], span.style) for span in text.spans] == [("Question? ", "dim")]


def test_of_a_chat_the_answer_alone_is_trained_on(home: Path) -> None:
    turns = [{"role": "user", "content": "Go on."}, {"role": "assistant", "content": "It rained.", "train": True}]
    run = run_of("chat", [{"id": "1", "source": "a", "tokens": 20, "messages": turns}])
    (row,) = row_display.tokenized_rows(run, 3)
    assert [segment.text for segment in row if segment.is_trained] == ["It rained."]
    assert "".join(segment.text for segment in row).startswith("<|im_start|>user\nGo on.<|im_end|>")


def test_a_raw_passage_is_trained_on_whole_with_the_end_of_text(home: Path) -> None:
    (passage,) = paragraphs(1)
    run = run_of("completion", completion_rows([passage]))
    assert row_display.tokenized_rows(run, 3) == [[Segment(f"{passage}<|endoftext|>", True)]]


def test_rows_are_shown_without_loading_axolotl(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="make prepare RUN=test"):
        row_display.show_rows(Run("test"))
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("started another process"))
    row_display.show_rows(run_of("completion", completion_rows(paragraphs(2))), 1)
    assert "row 1:" in capsys.readouterr().out
