"""The keys that the pinned Axolotl and vLLM accept, which validation compares recipes with."""

from __future__ import annotations

import os
import subprocess

from voicewright.core import environments
from voicewright.core.paths import PACKAGE_DIR
from voicewright.core.records import write_text
from voicewright.recipe.validation import UPSTREAM_DIR

SCRIPTS = {
    "axolotl": ("train", "training/axolotl_env/export_keys.py"),
    "vllm": ("serve", "serving/vllm_env/export_keys.py"),
}


def exported(name: str) -> str:
    """The JSON that an engine's own environment prints of its keys."""
    environment, script = SCRIPTS[name]
    result = subprocess.run(
        [environments.python(environment), PACKAGE_DIR / script],
        env={**os.environ, **environments.environment_variables(environment)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return result.stdout[result.stdout.index("{") :]


def export_keys() -> None:
    """Write the key lists of both engines to upstream_keys/."""
    for name in SCRIPTS:
        write_text(UPSTREAM_DIR / f"{name}.json", exported(name).rstrip() + "\n")
        print(f"wrote {UPSTREAM_DIR / name}.json")
