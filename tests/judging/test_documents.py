from __future__ import annotations

from pathlib import Path

import pytest

from voicewright.core.documents.base import read_documents
from voicewright.core.documents.judging import Pair, PairKey, Vote
from voicewright.core.errors import UserError
from voicewright.core.records import dumps, write_rows


def test_a_key_is_written_as_it_was_read_because_its_bytes_are_hashed(tmp_path: Path) -> None:
    path = tmp_path / "key.jsonl"
    write_rows(path, [{"id": "p0", "x": "finetuned", "y": "baseline", "content": "c", "nonce": "n", "more": 1}])
    written = "".join(dumps(key.to_json()) + "\n" for key in read_documents(path, PairKey))
    assert written == path.read_text()


def test_a_pair_without_a_prompt_is_its_own_unit() -> None:
    assert Pair(id="p0", x="a", y="b").prompt_id == "p0"


def test_a_vote_of_an_unknown_value_is_named_with_its_line(tmp_path: Path) -> None:
    write_rows(tmp_path / "votes.jsonl", [{"pair": "p0", "judge": "j", "vote": "x"}, {"pair": "p0", "vote": "left"}])
    with pytest.raises(UserError) as caught:
        list(read_documents(tmp_path / "votes.jsonl", Vote))
    assert caught.value.problems[0].startswith(f"{tmp_path / 'votes.jsonl'}:2: judge is missing")
    assert "found 'left'" in caught.value.problems[1]
