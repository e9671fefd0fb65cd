"""A tokenizer and an untrained small Llama from any folder of text: what method/pretrain starts from.

python -m train.new_base manuscripts/novels out=models/new-base [vocab=4096] [hidden=256] [layers=6] [context=1024]

or make base TEXTS=manuscripts/novels OUT=models/new-base SET="vocab=8192 hidden=512"
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from voicewright.cli import arguments
from voicewright.core import environments
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import AXOLOTL_ENV_DIR, REPO_DIR

ENDINGS = (".txt", ".md")
# Below this a byte-level BPE runs out of pairs worth a token, and a model out of anything to learn.
LEAST_BYTES = 100_000


def texts(folder: Path) -> list[Path]:
    """The text files below a folder. Raises UserError where they are too little to make a model of."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    size = sum(path.stat().st_size for path in found)
    if size < LEAST_BYTES:
        raise UserError(
            f"{folder}: {len(found)} text files with {size:,} bytes; a tokenizer needs at least {LEAST_BYTES:,}",
            hint="point it at a folder of .txt or .md files, such as novels in the public domain",
        )
    return found


@exits_cleanly
def main() -> None:
    sizes: dict[str, str | None] = {"vocab": "4096", "hidden": "256", "layers": "6", "context": "1024", "seed": "0"}
    folder, options = arguments.parse(__doc__, {"out": "models/new-base", **sizes}, name="FOLDER")
    out_dir = REPO_DIR / str(options["out"])
    if (out_dir / "model.safetensors").exists():
        raise UserError(f"{out_dir} holds a model already", hint="out=<another folder>")
    found = texts(REPO_DIR / Path(folder).expanduser())
    given = [f"{key}={options[key]}" for key in sizes]
    result = subprocess.run(
        [environments.python("train"), AXOLOTL_ENV_DIR / "new_base.py", out_dir, *given],
        input="\n".join(str(path) for path in found),
        env={**os.environ, **environments.environment_variables("train")},
        text=True,
        check=False,
    )
    if result.returncode:
        raise UserError(f"no model could be made of {folder}; the lines above say why", hint="-h shows the options")
    print(f"untrained base: {out_dir} (from {len(found)} files)")


if __name__ == "__main__":
    main()
