"""Whether the base model can be had from the hub, asked in one small request before gigabytes are."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from train import disk
from voicewright import credentials
from voicewright.errors import UserError
from voicewright.schema import Recipe

HUB = "https://huggingface.co"
TIMEOUT_S = 10.0


def token() -> str | None:
    """The user's own token, where there is one."""
    path = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface") / "token"
    return credentials.find("HF_TOKEN") or (path.read_text(encoding="utf-8").strip() if path.is_file() else None)


def model_config(name: str) -> dict[str, Any] | None:
    """The config.json of a model of the hub; None where the hub cannot be reached.

    Raises UserError for a model that is not there, or not for this user.
    """
    hub = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    request = urllib.request.Request(f"{hub}/{name}/resolve/main/config.json")  # noqa: S310
    if secret := token():
        request.add_unredirected_header("Authorization", f"Bearer {secret}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            config: dict[str, Any] = json.load(answer)
            return config
    except urllib.error.HTTPError as error:
        if error.code in (401, 403) and secret:
            said = f"{name}: the hub does not give it to this HF_TOKEN"
            raise UserError(said, mend=f"accept it at {hub}/{name}") from None
        if error.code in (401, 403):
            raise UserError(
                f"{name}: the hub gives it to nobody without a token (it is gated, or there is no such model)",
                mend=f"accept it at {hub}/{name}, then HF_TOKEN=... in the environment or in .env",
            ) from None
        if error.code == 404:
            raise UserError(f"{name}: the hub has no such model", mend="axolotl.base_model=owner/name") from None
        return None
    except (OSError, ValueError):
        return None


def check(recipe: Recipe) -> None:
    """Raise UserError if the base model has to be fetched and cannot be, or is not one that can be trained so."""
    if disk.is_cached(recipe) or os.environ.get("HF_HUB_OFFLINE"):
        return
    name = str(recipe.axolotl["base_model"])
    config = model_config(name)
    if config is None:
        return
    kinds = [str(kind) for kind in config.get("architectures") or []]
    problems = []
    if not any(kind.endswith("ForCausalLM") for kind in kinds):
        problems.append(f"{name}: {', '.join(kinds) or 'no architecture'} is not a causal language model")
    most, length = config.get("max_position_embeddings"), recipe.axolotl["sequence_len"]
    if isinstance(most, int) and length > most:
        problems.append(f"axolotl.sequence_len {length} is longer than {name}'s context, {most}")
    if problems:
        raise UserError(problems)
