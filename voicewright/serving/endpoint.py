"""The model behind an OpenAI-compatible URL: which it is, how long its context is, how it cuts text into tokens."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voicewright.core.documents.endpoint import Detokenized, ServedModel, Tokens
from voicewright.core.errors import UserError
from voicewright.core.records import content_id, fingerprint
from voicewright.core.rows import Message
from voicewright.serving.client import Client, Failure

API_KEY_ENV = "VOICEWRIGHT_API_KEY"
"""The variable with the key of the endpoints that arms are served at; our own servers ask for none."""
# Where the server does not count for us: English has about four characters a token, so this errs to the safe side.
CHARACTERS_PER_TOKEN = 3.0
TEMPLATE_TOKENS_PER_TURN = 8
TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Endpoint:
    """A model and the client that asks it."""

    client: Client = field(compare=False, repr=False)
    model: str
    """The name that requests give."""
    model_hash: str
    """Hash of the weights where they lie on this machine, else of the URL and the name."""
    context: int | None
    """Longest sequence in tokens, where the server says it."""
    tokenizes: bool
    """It has vLLM's /tokenize and /detokenize."""

    @property
    def url(self) -> str:
        """The base URL, with /v1."""
        return self.client.settings.url

    def count(self, text: str) -> int:
        """Tokens of a text, as the endpoint counts them; an upper estimate where it has no tokenizer."""
        return _count(self, text)

    def count_messages(self, messages: Sequence[Message]) -> int:
        """Tokens of a conversation with its template, up to where the answer begins."""
        if self.tokenizes:
            return len(self.tokenize_messages(messages))
        return sum(self.count(message.text) + TEMPLATE_TOKENS_PER_TURN for message in messages)

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of a text; `special` adds what the tokenizer puts before a text of its own."""
        return self._tokens({"prompt": text, "add_special_tokens": special})

    def tokenize_messages(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a conversation with its template, up to where the answer begins."""
        turns = [message.to_json() for message in messages]
        return self._tokens({"messages": turns, "add_generation_prompt": True})

    def detokenize(self, tokens: list[int]) -> str:
        """The text of token ids."""
        body = {"model": self.model, "tokens": tokens}
        answer = self.client.post("/detokenize", body, Detokenized, timeout_s=TIMEOUT_S, retries=2)
        if isinstance(answer, Failure):
            raise self._no_tokens(answer)
        return answer.prompt

    def _tokens(self, body: dict[str, object]) -> list[int]:
        answer = self.client.post("/tokenize", {"model": self.model, **body}, Tokens, timeout_s=TIMEOUT_S, retries=2)
        if isinstance(answer, Failure):
            raise self._no_tokens(answer)
        return answer.tokens

    def _no_tokens(self, failure: Failure) -> UserError:
        return UserError(
            f"{self.url} no longer turns text into tokens ({failure.reason})",
            hint="once the server is up again, the same command goes on from here",
        )


def discover(
    client: Client,
    arm: str,
    *,
    hint: str,
    model: str | None = None,
    strict: bool = True,
    expected_root: str | None = None,
) -> Endpoint:
    """Look up which model a URL serves.

    Our own servers offer an arm under its name; `model` names another. A server that offers one model under another
    name is taken unless `strict`. Raises UserError, with `hint`, where nothing answers, no model fits, or the server
    has loaded another folder than `expected_root`: every run calls its arms by the same names.
    """
    offered = {entry.id: entry for entry in served_models(client, hint)}
    name, url = model or arm, client.settings.url
    if name not in offered:
        if model is not None or strict or len(offered) != 1:
            raise UserError(
                f"{url} does not serve {name!r} but {', '.join(offered) or 'nothing'}",
                hint="MODEL=<name> if one of these is meant, or another URL=",
            )
        name = next(iter(offered))
    entry, parent = offered[name], offered.get(offered[name].parent or "")
    if expected_root and entry.root and Path(entry.root).is_absolute() and not _same_path(entry.root, expected_root):
        raise UserError(f"{url} serves {entry.root} as {name!r}; expected {expected_root}", hint=hint)
    context = entry.max_model_len or (parent.max_model_len if parent else None)
    tokens = client.post("/tokenize", {"model": name, "prompt": "a"}, Tokens, timeout_s=TIMEOUT_S)
    return Endpoint(client, name, _model_hash(url, entry, parent), context, not isinstance(tokens, Failure))


def served_models(client: Client, hint: str) -> list[ServedModel]:
    """The models that a URL offers. Raises UserError, with `hint`, where nothing answers."""
    offered = client.models(timeout_s=TIMEOUT_S)
    if isinstance(offered, Failure):
        url = client.settings.url
        raise UserError(f"nothing answers at {url} as an OpenAI-compatible server does ({offered.reason})", hint=hint)
    return offered


@functools.lru_cache(maxsize=4096)
def _count(endpoint: Endpoint, text: str) -> int:
    if endpoint.tokenizes:
        return len(endpoint.tokenize(text))
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def _same_path(path: str, other: str) -> bool:
    return Path(path).resolve() == Path(other).resolve()


def _model_hash(url: str, entry: ServedModel, parent: ServedModel | None) -> str:
    """Of the weights, so that a model that was trained anew is asked anew; an adapter counts with its base."""
    parts: list[str | list[str | None]] = []
    for member in (entry, parent):
        if member is None:
            continue
        folder = Path(member.root or "-")
        local = folder.is_absolute() and folder.is_dir()
        parts.append(fingerprint(folder) if local else [url, member.id, member.root])
    return content_id(parts, 16)
