"""What is served at an OpenAI-compatible URL: which model, how long its context, how it cuts text into tokens."""

from __future__ import annotations

import functools
import json
import math
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicewright.core import credentials
from voicewright.core.errors import UserError
from voicewright.core.records import content_id, fingerprint

KEY_VARIABLE = "VOICEWRIGHT_API_KEY"
# Where the server does not count for us: English has about four characters a token, so this errs to the safe side.
CHARACTERS_PER_TOKEN = 3.0
TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Endpoint:
    """A model at a URL."""

    url: str
    """With /v1."""
    model: str
    model_hash: str
    """Of the weights where they lie on this machine, else of the address and the name."""
    context: int | None
    """Longest sequence in tokens, where the server says it."""
    tokenizes: bool
    """It has vLLM's /tokenize and /detokenize."""


def key() -> str:
    """The key of a server that asks for one; local servers take any."""
    return credentials.find(KEY_VARIABLE) or "none"


def discover(url: str, wanted: str, *, model: str | None = None, strict: bool = True) -> Endpoint:
    """Look up which model a URL serves.

    `wanted` is the arm, which our own servers offer under its name; `model` names another. A server that offers
    one model under another name counts unless `strict`. Raises UserError where nothing answers or no model fits.
    """
    url = url.rstrip("/")
    offered = _offered(url, f"python -m serve.up RUN arm={wanted}, or url=http://host:port/v1")
    name = model or wanted
    if name not in offered:
        if model is None and len(offered) == 1 and not strict:
            name = next(iter(offered))
        else:
            raise UserError(
                f"{url} does not serve {name!r} but {', '.join(offered) or 'nothing'}",
                hint="model=NAME if one of these is meant, or another url=",
            )
    entry = offered[name]
    context = entry.get("max_model_len") or offered.get(str(entry.get("parent")), {}).get("max_model_len")
    return Endpoint(url, name, _model_hash(url, entry, offered), context, _tokenizes(url, name))


def names(url: str) -> list[str]:
    """The names of the models that a URL offers. Raises UserError where nothing answers."""
    return list(_offered(url, "python -m serve.up RUN, or url=http://host:port/v1"))


def _offered(url: str, hint: str) -> dict[str, dict[str, Any]]:
    try:
        return {str(entry["id"]): entry for entry in get(url.rstrip("/") + "/models")["data"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"nothing answers at {url} as an OpenAI-compatible server does ({error})", hint=hint) from None


@functools.lru_cache(maxsize=4096)
def count(endpoint: Endpoint, text: str) -> int:
    """Tokens of a text, as the endpoint counts them; an upper estimate where it does not say."""
    if endpoint.tokenizes:
        return len(tokenize(endpoint, text))
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def count_messages(endpoint: Endpoint, messages: list[dict[str, str]]) -> int:
    """Tokens of a conversation with its template, up to where the answer begins."""
    if endpoint.tokenizes:
        return len(tokenize_messages(endpoint, messages))
    return sum(count(endpoint, message["content"]) + 8 for message in messages)


def tokenize(endpoint: Endpoint, text: str, *, special: bool = True) -> list[int]:
    """Token ids of a text; `special` adds what the tokenizer puts before a text of its own."""
    return _tokens(endpoint, {"prompt": text, "add_special_tokens": special})


def tokenize_messages(endpoint: Endpoint, messages: list[dict[str, str]]) -> list[int]:
    """Token ids of a conversation with its template, up to where the answer begins."""
    return _tokens(endpoint, {"messages": messages, "add_generation_prompt": True})


def detokenize(endpoint: Endpoint, tokens: list[int]) -> str:
    """The text of token ids."""
    return str(post(root(endpoint.url) + "/detokenize", {"model": endpoint.model, "tokens": tokens})["prompt"])


def root(url: str) -> str:
    """The address without /v1."""
    return url.removesuffix("/v1")


def get(url: str) -> Any:
    """A JSON document. Raises OSError, ValueError."""
    return _fetch(urllib.request.Request(url))  # noqa: S310  a URL of the recipe or the command line


def post(url: str, body: dict[str, Any]) -> Any:
    """The JSON answer to a JSON request. Raises OSError, ValueError."""
    data = json.dumps(body).encode()
    return _fetch(urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}))  # noqa: S310


def _tokens(endpoint: Endpoint, body: dict[str, Any]) -> list[int]:
    answer = post(root(endpoint.url) + "/tokenize", {"model": endpoint.model, **body})
    return [int(token) for token in answer["tokens"]]


def _fetch(request: urllib.request.Request) -> Any:
    if not request.full_url.startswith(("http://", "https://")):
        raise ValueError("expected http:// or https://")
    request.add_header("Authorization", f"Bearer {key()}")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
        return json.loads(response.read())


def _tokenizes(url: str, model: str) -> bool:
    try:
        answer = post(root(url) + "/tokenize", {"model": model, "prompt": "a"})
        return isinstance(answer["tokens"], list)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _model_hash(url: str, entry: dict[str, Any], offered: dict[str, Any]) -> str:
    """Of the weights, so that a model that was trained anew is asked anew; an adapter counts with its base."""
    parts = []
    for member in (entry, offered.get(str(entry.get("parent")))):
        if member is None:
            continue
        folder = Path(str(member.get("root") or "-"))
        local = folder.is_absolute() and folder.is_dir()
        parts.append(fingerprint(folder) if local else [url, member["id"], member.get("root")])
    return content_id(parts, 16)
