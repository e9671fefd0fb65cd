"""The public API: the README's example runs, and importing it is fast and light."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import voicewright
from voicewright.core.paths import REPO_DIR


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=REPO_DIR, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_readmes_example_runs_and_tells_the_author_from_somebody_else() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", (REPO_DIR / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 16
    done = run_python(example)
    assert done.returncode == 0, done.stderr
    method, author, other, sentence = done.stdout.splitlines()
    assert method.startswith("qlora")
    scores = [float(re.search(r": (-?\d+)", line)[1]) for line in (author, other)]  # type: ignore[index]
    assert scores[0] > 60 > scores[1]
    assert sentence.startswith("Not enough evidence yet")


def test_every_public_name_is_there_and_listed_once() -> None:
    assert set(voicewright.__all__) == set(voicewright._PUBLIC)
    assert [name for name in voicewright.__all__ if getattr(voicewright, name) is None] == []


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys, voicewright; print([m for m in ('numpy', 'pydantic', 'hydra', 'torch') if m in sys.modules])"
    assert run_python(code).stdout.strip() == "[]"
