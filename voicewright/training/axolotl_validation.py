"""Axolotl's own validation of a rendered YAML, remembered by its content (it takes six seconds to import)."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from voicewright.core import environments
from voicewright.core.errors import UserError
from voicewright.core.paths import AXOLOTL_ENV_DIR, REPO_DIR
from voicewright.recipe.schema import Hardware


def by_axolotl(text: str, hardware: Hardware) -> None:
    """Raise UserError with Axolotl's reasons if its pinned version refuses the YAML on this hardware."""
    said = [text, json.dumps(_target(hardware)), environments.requirements_path("train").read_text()]
    seal = hashlib.sha256("\0".join(said).encode()).hexdigest()[:32]
    remembered = environments.env_dir("train") / "validated" / seal
    if remembered.exists():
        return
    if found := reasons([(text, hardware)])[0]:
        raise UserError([f"Axolotl refuses this recipe: {reason}" for reason in found])
    remembered.parent.mkdir(exist_ok=True)
    remembered.touch()


def reasons(texts: Sequence[tuple[str, Hardware]]) -> list[list[str]]:
    """Why Axolotl refuses each YAML on its machine, in one process; [] for those that it takes."""
    with tempfile.TemporaryDirectory() as folder:
        requests = []
        for number, (text, hardware) in enumerate(texts):
            path = Path(folder) / f"{number}.yaml"
            path.write_text(text, encoding="utf-8")
            requests.append({"path": str(path), **_target(hardware)})
        list_path = Path(folder) / "requests.json"
        list_path.write_text(json.dumps(requests), encoding="utf-8")
        result = subprocess.run(
            [environments.python("train"), AXOLOTL_ENV_DIR / "validate.py", list_path],
            cwd=REPO_DIR,
            env={**os.environ, **environments.environment_variables("train"), "PYTHONPATH": str(AXOLOTL_ENV_DIR)},
            capture_output=True,
            text=True,
            check=False,
        )
    line = next((line for line in result.stdout.splitlines() if line.startswith("REASONS ")), None)
    if line is None:
        raise RuntimeError(f"Axolotl's validation broke:\n{result.stderr[-3000:]}")
    found: list[list[str]] = json.loads(line.removeprefix("REASONS "))
    return found


def _target(hardware: Hardware) -> dict[str, Any]:
    cuda = hardware.accelerator == "cuda"
    return {
        "compute_capability": "sm_89" if cuda else "",
        "devices": hardware.devices if cuda else 0,
        "nodes": hardware.nodes,
        "bf16": cuda,
    }
