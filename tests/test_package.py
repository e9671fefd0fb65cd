"""The installed package: an empty environment, no checkout, another folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from voicewright.core.paths import ENVS_DIR, REPO_DIR

USE = """
import sys
import voicewright as vw
from pathlib import Path

assert "site-packages" in vw.__file__, vw.__file__
recipe = vw.load_recipe("visions", ["model=tiny", "hardware=cpu"])
chapters = [path.read_text() for path in sorted((Path(vw.__file__).parent / "bundled/manuscripts/sample").glob("*.md"))]
profile = vw.StyleProfile.from_texts(chapters[:12])
print(recipe.method, round(profile.score(chapters[12:], size=250).score.value) > 50, "torch" in sys.modules)
"""


@pytest.mark.slow
def test_the_installed_package_works_in_an_empty_environment_away_from_the_checkout(tmp_path: Path) -> None:
    uv, env, project = ENVS_DIR / "uv" / "bin" / "uv", tmp_path / "env", tmp_path / "project"
    project.mkdir()
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VOICEWRIGHT_HOME")}

    def run(*words: str | Path) -> str:
        done = subprocess.run(words, cwd=project, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(uv, "venv", "--quiet", "--python", "3.11", env)
    pins = REPO_DIR / "requirements" / "core.txt"
    run(uv, "pip", "install", "--quiet", "--python", env / "bin" / "python", "--constraint", pins, REPO_DIR)
    assert "Prepare:" in run(env / "bin" / "voicewright", "--help")
    assert run(env / "bin" / "python", "-c", USE).split() == ["qlora", "True", "False"]
    shutil.copytree(REPO_DIR / "manuscripts" / "sample", project / "novel")
    run(env / "bin" / "voicewright", "prepare", "RECIPE=demo", "SOURCE=novel", "RUN=mine")
    assert (project / "runs" / "mine" / "data" / "stats.json").exists()
    assert sorted(path.name for path in project.iterdir()) == ["novel", "runs"]
