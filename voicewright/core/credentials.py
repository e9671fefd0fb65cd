"""Keys and tokens: from the environment, else from the ignored file `.env`. They are never written anywhere."""

from __future__ import annotations

import os
from pathlib import Path

from voicewright.core.paths import REPO_DIR

DOTENV_PATH = REPO_DIR / ".env"


def find(name: str, dotenv_path: Path = DOTENV_PATH) -> str | None:
    """The value of a variable, or of its NAME=value line (`export` and quotes are allowed); None where neither is."""
    if os.environ.get(name):
        return os.environ[name]
    if dotenv_path.is_file():
        for line in dotenv_path.read_text(encoding="utf-8").splitlines():
            key, sign, value = line.strip().removeprefix("export ").partition("=")
            if sign and key.strip() == name:
                return value.strip().strip("\"'") or None
    return None
