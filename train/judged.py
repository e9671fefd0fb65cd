"""Axolotl's own validation of a rendered YAML, remembered by its content (it takes six seconds to import)."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path

from voicewright import environments
from voicewright.errors import UserError
from voicewright.layout import REPO_DIR
from voicewright.schema import Hardware

INSIDE_DIR = Path(__file__).parent / "inside"


def by_axolotl(text: str, hardware: Hardware) -> None:
    """Raise UserError with Axolotl's reasons if its pinned version refuses the YAML on this hardware."""
    cuda = hardware.accelerator == "cuda"
    target = ["sm_89" if cuda else "", str(hardware.devices if cuda else 0), "true" if cuda else "false"]
    seal = hashlib.sha256("\0".join([text, *target, environments.requirements_path("train").read_text()]).encode())
    remembered = environments.env_dir("train") / "validated" / seal.hexdigest()[:32]
    if remembered.exists():
        return
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        result = subprocess.run(
            [environments.python("train"), INSIDE_DIR / "validate.py", file.name, *target],
            cwd=REPO_DIR,
            env={**os.environ, **environments.environment_variables("train"), "PYTHONPATH": str(INSIDE_DIR)},
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode == 3:
        said = next(line for line in result.stdout.splitlines() if line.startswith("PROBLEMS "))
        raise UserError([f"Axolotl refuses this recipe: {p}" for p in json.loads(said.removeprefix("PROBLEMS "))])
    if result.returncode:
        raise RuntimeError(f"Axolotl's validation broke:\n{result.stderr[-3000:]}")
    remembered.parent.mkdir(exist_ok=True)
    remembered.touch()
