from __future__ import annotations

from pathlib import Path

import pytest

from voicewright.core import credentials


def test_the_environment_comes_first_then_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".env"
    path.write_text('# mine\nOTHER=1\nexport A_KEY="ab=c"\nEMPTY=\n')
    monkeypatch.delenv("A_KEY", raising=False)
    assert credentials.find("A_KEY", path) == "ab=c"
    monkeypatch.setenv("A_KEY", "from outside")
    assert credentials.find("A_KEY", path) == "from outside"


def test_a_file_of_a_windows_editor_with_comments_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"\xef\xbb\xbfFIRST_KEY=abc  # mine\r\nSECOND_KEY='d#e' # its own\r\nTHIRD_KEY=a$HOME\r\n")
    for name in ("FIRST_KEY", "SECOND_KEY", "THIRD_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert [credentials.find(n, path) for n in ("FIRST_KEY", "SECOND_KEY", "THIRD_KEY")] == ["abc", "d#e", "a$HOME"]


def test_what_is_nowhere_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMPTY", raising=False)
    (tmp_path / ".env").write_text("EMPTY=\n")
    assert credentials.find("EMPTY", tmp_path / ".env") is None
    assert credentials.find("EMPTY", tmp_path / "absent") is None
