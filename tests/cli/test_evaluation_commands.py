"""The commands that need no run: what they print and write, and their mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.prose import prose
from voicewright.core.documents.base import read_document
from voicewright.core.documents.stylometry import ScoreReport


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["corpus=nowhere"], "no such file"),
        (["splits=3"], "corpus"),
        (["corpus=x", "split=3"], "id you mean"),
        (["corpus=x", "splits=none"], "none"),
    ],
)
def test_a_mistake_in_a_validation_is_one_message_and_exit_code_2(call: Call, words: list[str], message: str) -> None:
    result = call("validate", *words)
    assert result.exit_code == 2 and message in result.output and "Traceback" not in result.output


def test_score_says_what_its_100_rests_on_and_writes_its_report(call: Call, tmp_path: Path) -> None:
    for name, words, seed in (("author", 2600, 1), ("texts", 600, 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "only.md").write_text(prose(words, seed), encoding="utf-8")
    out = tmp_path / "score.json"
    result = call("score", f"author={tmp_path / 'author'}", f"texts={tmp_path / 'texts'}", f"out={out}")
    assert result.exit_code == 0, result.output
    assert "100 rests on a single work" in result.output and "closer to the author than" in result.output
    assert list(read_document(out, ScoreReport).texts) == [str(tmp_path / "texts")]
