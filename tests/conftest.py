"""What tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicewright.core.paths import REPO_DIR


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first: a typo shows before an engine has loaded."""

    def cost(item: pytest.Item) -> int:
        return 2 if item.get_closest_marker("engine") else 1 if item.get_closest_marker("slow") else 0

    items.sort(key=cost)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own for runs/ and merged_models/."""
    monkeypatch.setenv("VOICEWRIGHT_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def shared_data() -> Path:
    """Real texts that are not part of the project; tests that need them skip where they are absent."""
    folder = REPO_DIR.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real texts of shared/data, which lie beside the project, not in it")
    return folder
