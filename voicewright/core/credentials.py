"""Keys and tokens: from the environment, else from the project's file `.env`. They are never written anywhere."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values

from voicewright.core.paths import PROJECT_DIR

DOTENV_PATH = PROJECT_DIR / ".env"


def find(name: str, dotenv_path: Path = DOTENV_PATH) -> str | None:
    """The value of a variable, or of its NAME=value line in the file; None where neither has one."""
    if os.environ.get(name):
        return os.environ[name]
    if not dotenv_path.is_file():
        return None
    # utf-8-sig: some Windows editors begin a file with a byte-order mark.
    return dotenv_values(dotenv_path, interpolate=False, encoding="utf-8-sig").get(name) or None
