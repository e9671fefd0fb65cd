"""The three Python environments, built on first need by uv from exact pins.

core is ours; train holds Axolotl, serve holds vLLM. They cannot be one: Axolotl and Hydra pin different ANTLR
runtimes, and vLLM wants a newer huggingface_hub than Axolotl allows. A fourth, lm_eval, is only built for a recipe
that asks for it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock

from voicewright.core import credentials, gpus
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import ENVS_DIR, REPO_DIR

NAMES = ("core", "train", "serve")
# What is in these depends on the accelerator.
ENGINES = ("train", "serve")
UV_PATH = ENVS_DIR / "uv" / "bin" / "uv"
# Manuscripts are private: nobody is told that they are being trained on.
NO_TELEMETRY = {
    "AXOLOTL_DO_NOT_TRACK": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
}


@functools.cache
def accelerator() -> str:
    """cpu or cuda: what ACCEL says, else whether an NVIDIA driver answers."""
    forced = os.environ.get("ACCEL", "").strip().lower()
    if forced:
        if forced not in ("cpu", "cuda"):
            raise UserError(f"ACCEL={forced}: expected cpu or cuda")
        return forced
    return "cuda" if gpus.is_present() else "cpu"


def requirements_path(name: str) -> Path:
    """The pins of an environment on this machine."""
    file = f"{name}-{accelerator()}.txt" if name in ENGINES else f"{name}.txt"
    return REPO_DIR / "requirements" / file


def env_dir(name: str) -> Path:
    """Where an environment lies."""
    return ENVS_DIR / name


def is_built(name: str) -> bool:
    """Whether the environment is there and its pins are today's."""
    mark = env_dir(name) / "pins.sha256"
    return mark.is_file() and mark.read_text().strip() == _pins_digest(name)


def python(name: str) -> Path:
    """The environment's Python, after building the environment if that is needed.

    Raises UserError when the installation fails, with uv's own words.
    """
    if not is_built(name):
        _build(name)
    return env_dir(name) / "bin" / "python"


def environment_variables(name: str) -> dict[str, str]:
    """What a child in this environment gets beside the user's own variables: no telemetry, its bin first on PATH."""
    token = credentials.find("HF_TOKEN")
    return {
        **NO_TELEMETRY,
        **({"HF_TOKEN": token} if token else {}),
        "PATH": f"{env_dir(name) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
        # Engines take a minute to import when nobody may keep the compiled bytecode.
        "PYTHONDONTWRITEBYTECODE": "",
        "TOKENIZERS_PARALLELISM": "false",
        # Threads that wait by spinning starve each other as soon as anything else runs on a small machine.
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def _pins_digest(name: str) -> str:
    return hashlib.sha256(requirements_path(name).read_bytes()).hexdigest()


def _build(name: str) -> None:
    ENVS_DIR.mkdir(exist_ok=True)
    with FileLock(ENVS_DIR / f"{name}.lock"):
        if is_built(name):  # somebody else built it while we waited
            return
        pins = requirements_path(name)
        notice(f"installing the {name} environment from requirements/{pins.name} (once; a minute or more)")
        began = time.monotonic()
        folder = env_dir(name)
        (folder / "pins.sha256").unlink(missing_ok=True)
        _uv("venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder))
        # The pins are complete, so dependencies are not resolved again (which would bring back what was overridden).
        _uv("pip", "sync", "--quiet", "--python", str(folder / "bin" / "python"), *_torch_options(), str(pins))
        (folder / "pins.sha256").write_text(_pins_digest(name) + "\n")
        notice(f"the {name} environment is ready ({time.monotonic() - began:.0f} s)")


def _torch_options() -> list[str]:
    """Where PyTorch comes from: a wheelhouse if the user named one, else PyTorch's index through uv."""
    return [] if _wheelhouse() else ["--torch-backend", "cpu" if accelerator() == "cpu" else "auto"]


def _wheelhouse() -> str | None:
    return os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS")


def _uv(*arguments: str) -> None:
    uv = str(UV_PATH) if UV_PATH.exists() else shutil.which("uv")
    if uv is None:
        raise UserError("uv, which builds the environments, is not there", hint="make setup")
    house = _wheelhouse()
    extra = {"UV_FIND_LINKS": house} if house else {}
    result = subprocess.run([uv, *arguments], env={**os.environ, **extra}, capture_output=True, text=True, check=False)
    if result.returncode:
        raise UserError(
            [f"uv {arguments[0]} {arguments[1]} failed:", *result.stderr.strip().splitlines()[-12:]],
            hint="make doctor shows what is missing; once it is mended, the same command goes on",
        )
