"""Whether the base model can be had from the hub and trained so, asked by a few small files before gigabytes are."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from voicewright.core import credentials
from voicewright.core.errors import UserError
from voicewright.recipe.schema import Recipe
from voicewright.training import base_model, disk

HUB = "https://huggingface.co"
TIMEOUT_S = 10.0


def token() -> str | None:
    """The user's own token, where there is one."""
    path = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface") / "token"
    return credentials.find("HF_TOKEN") or (path.read_text(encoding="utf-8").strip() if path.is_file() else None)


def document(name: str, file: str) -> dict[str, Any] | None:
    """A small file of a model of the hub; {} where it has no such file, None where the hub cannot be reached.

    Raises UserError for a model that is not there, or not for this user.
    """
    hub = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    request = urllib.request.Request(f"{hub}/{name}/resolve/main/{file}")  # noqa: S310
    if secret := token():
        request.add_unredirected_header("Authorization", f"Bearer {secret}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            text = answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        if error.code in (401, 403) and secret:
            said = f"{name}: the hub does not give it to this HF_TOKEN"
            raise UserError(said, hint=f"accept it at {hub}/{name}") from None
        if error.code in (401, 403):
            raise UserError(
                f"{name}: the hub gives it to nobody without a token (it is gated, or there is no such model)",
                hint=f"accept it at {hub}/{name}, then HF_TOKEN=... in the environment or in .env",
            ) from None
        if error.code == 404 and file == "config.json":
            raise UserError(f"{name}: the hub has no such model", hint="axolotl.base_model=owner/name") from None
        return {} if error.code == 404 else None
    except OSError:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = {"text": text}
    return found if isinstance(found, dict) else None


def check(recipe: Recipe) -> None:
    """Raise UserError if the base model has to be fetched and cannot be, or is not one that can be trained so."""
    if disk.is_cached(recipe) or os.environ.get("HF_HUB_OFFLINE"):
        return
    name = str(recipe.axolotl["base_model"])
    config = document(name, "config.json")
    if config is None:
        return
    problems = base_model.of_the_config(recipe, name, config)
    tokenizer = document(name, "tokenizer_config.json")
    if tokenizer:
        templated = not base_model.needs_a_template(recipe) or "chat_template" in tokenizer
        templated = templated or document(name, "chat_template.jinja") != {}
        problems += base_model.of_the_tokenizer(recipe, name, tokenizer, templated=templated)
    index = document(name, "model.safetensors.index.json") or {}  # a model in one file has none
    problems += base_model.of_the_modules(recipe, index.get("weight_map") or {})
    if problems:
        raise UserError(problems)
