"""One small trained run that the engine tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training import engine
from voicewright.core.paths import Run


@pytest.fixture(scope="session")
def engine_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for runs/ and merged_models/ that the engine tests share."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("engine")
        patch.setenv("VOICEWRIGHT_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def trained(engine_home: Path) -> Run:
    """A LoRA run that nothing interrupted: 12 steps, 8 an epoch, dropout 0, float32, saved every second step."""
    run = engine.begin("unbroken", engine.SMALL)
    engine.finish(run)
    return run


@pytest.fixture
def in_engine_home(engine_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICEWRIGHT_HOME", str(engine_home))
    return engine_home
