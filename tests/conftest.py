"""What tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voicewright.core.paths import REPO_DIR

# Matrix products in tests are small: on a busy machine, threads that wait for a processor double their time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker processors of its own: two engines at once then do not slow each other down."""
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if not worker or not hasattr(os, "sched_setaffinity"):
        return
    processors = sorted(os.sched_getaffinity(0))
    own = processors[int(worker.removeprefix("gw")) % len(processors) :: workers]
    os.sched_setaffinity(0, own or processors)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first: a typo shows before an engine has loaded. Engine tests that share a run share a worker."""

    def cost(item: pytest.Item) -> int:
        return 2 if item.get_closest_marker("engine") else 1 if item.get_closest_marker("slow") else 0

    items.sort(key=cost)
    for item in items:
        if item.get_closest_marker("engine") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(engine_group(item)))


def engine_group(item: pytest.Item) -> str:
    """The tests that one worker runs: those that read the one shared training, else those of one file."""
    return "trained" if "trained" in getattr(item, "fixturenames", ()) else item.nodeid.partition("::")[0]


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
