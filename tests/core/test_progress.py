"""Progress off a terminal: plain lines, a few seconds apart."""

from __future__ import annotations

import pytest

from voicewright.core import progress


def test_off_a_terminal_progress_is_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PLAIN_LINE_EVERY_S", 0.0)
    assert list(progress.each(range(10), "passages")) == list(range(10))
    captured = capsys.readouterr()
    assert captured.err.splitlines()[3] == "passages: 4 of 10, 0 s left" and not captured.out


def test_a_few_items_show_no_progress(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_LINE_EVERY_S", 0.0)
    assert list(progress.each([1, 2], "passages")) == [1, 2]
    assert capsys.readouterr().err == ""
