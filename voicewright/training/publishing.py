"""Putting a merged model on the hub, in a private repository, after asking."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from voicewright.core import hub
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.units import GB


def push(run: Run, repository: str, *, confirmed: bool = False) -> None:
    """Upload a run's merged model; a repository that does not exist yet is made private.

    Asks on the terminal unless `confirmed`. Raises UserError if there is no merged model or the hub refuses it.
    """
    if repository.count("/") != 1:
        raise UserError(
            f"TO={repository}: expected owner/name on the hub", hint=f"make push RUN={run.name} TO=owner/name"
        )
    if not (run.merged_dir / "config.json").exists():
        raise UserError(f"{run.merged_dir} holds no merged model", hint=f"make merge RUN={run.name}")
    size = sum(path.stat().st_size for path in run.merged_dir.rglob("*") if path.is_file()) / GB
    question = f"Upload {run.merged_dir} ({size:.2f} GB) to {repository} on the hub, private?"
    if not confirmed and not confirms(question):
        raise UserError("nothing was uploaded", hint="answer y, or YES=1 where there is no terminal")
    upload(run.merged_dir, repository)


def confirms(question: str) -> bool:
    """Ask on the terminal; without one the answer is no."""
    return sys.stdin.isatty() and input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def upload(folder: Path, repository: str) -> None:
    """Upload a folder to a private repository of the hub. Raises UserError with the hub's reason."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=hub.token())
    try:
        api.create_repo(repository, private=True, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository, folder_path=folder, commit_message="A merged model of voicewright"
        )
    except (HfHubHTTPError, OSError) as error:
        raise UserError(
            f"the upload to {repository} failed: {str(error).strip().splitlines()[0]}",
            hint="HF_TOKEN with write access, in the environment or in .env",
        ) from None
    print(f"uploaded: {commit.commit_url}")
