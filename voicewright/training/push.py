"""Put a merged model on the hub, in a private repository, after asking.

python -m train.push RUN to=owner/name [yes=1]
"""

from __future__ import annotations

import os
import subprocess
import sys

from voicewright.cli import arguments
from voicewright.core import environments
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run


def upload_command(folder: str, to: str) -> list[str]:
    """The hub's own client; a repository that does not exist yet is made private."""
    hub = str(environments.python("train").with_name("hf"))
    return [hub, "upload", to, folder, "--private", "--commit-message", "A merged model of voicewright"]


def agreed(question: str) -> bool:
    """Ask on the terminal; without one the answer is no."""
    return sys.stdin.isatty() and input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


@exits_cleanly
def main() -> None:
    name, options = arguments.parse(__doc__, {"to": None, "yes": None})
    run, to = Run(name), options["to"]
    if not to or to.count("/") != 1:
        raise UserError("expected to=owner/name, where the model goes on the hub")
    if not (run.merged_dir / "config.json").exists():
        raise UserError(f"{run.merged_dir} holds no merged model", hint=f"make merge RUN={name}")
    size = sum(path.stat().st_size for path in run.merged_dir.rglob("*") if path.is_file()) / 2**30
    if not options["yes"] and not agreed(f"Upload {run.merged_dir} ({size:.2f} GB) to {to} on the hub, private?"):
        raise UserError("nothing was uploaded", hint="answer y, or yes=1 where there is no terminal")
    env = {**os.environ, **environments.environment_variables("train")}
    if subprocess.run(upload_command(str(run.merged_dir), to), env=env, check=False).returncode:
        raise UserError("the upload failed; the lines above say why", hint="HF_TOKEN with write access, in .env")


if __name__ == "__main__":
    main()
