"""How likely an arm finds the author's held-out passages: -log2 p of the true tokens, from prompt log-probabilities.

Summed bits and characters, not token perplexity, so that models with different tokenizers compare.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai

from voicewright.core.errors import UserError
from voicewright.core.records import Row, content_id, drop_torn_row, read_rows, write_json, write_rows
from voicewright.generation.prompts import Format, Message, part_answer
from voicewright.serving import endpoint as served
from voicewright.serving import old_client as client
from voicewright.serving.endpoint import Endpoint
from voicewright.serving.old_client import Dead, Patience, Refused

# vLLM writes minus infinity as -9999.0, JSON having no word for it.
MINUS_INFINITY = -9000.0


class NotAvailable(Exception):
    """The endpoint does not tell prompt log-probabilities."""


@dataclass(frozen=True)
class Passage:
    """Token ids of which those from `first` on are scored; they stand for `chars` characters."""

    id: str
    tokens: list[int]
    first: int
    chars: int


def passage(row: Row, form: Format, endpoint: Endpoint, context: int) -> Passage:
    """A held-out row as the model was trained to see it; what is beyond the context is left out.

    The first token has nothing before it and cannot be scored: it is the beginning-of-text mark, or else its
    characters do not count.
    """
    if form.shape == "completion":
        text = str(row["text"])
        tokens = served.tokenize(endpoint, text)
        first = 1
        opening = served.detokenize(endpoint, tokens[:1])
        unscored = len(opening) if opening and text.startswith(opening) else 0
    else:
        conversation, text = part_answer(row)
        before = served.tokenize_messages(endpoint, _with_system(conversation, form))
        tokens = before + served.tokenize(endpoint, text, special=False)
        first, unscored = len(before), 0
    # One token is generated, because nothing less can be asked for.
    whole, tokens = tokens, tokens[: context - 1]
    if len(tokens) < len(whole):
        text = served.detokenize(endpoint, tokens[first:])
        unscored = 0
    return Passage(str(row["id"]), tokens, first, len(text) - unscored)


def bits(logprobs: list[dict[str, dict[str, Any]] | None], tokens: list[int], first: int) -> float | None:
    """-log2 p of the tokens from `first` on, or None where one of them has probability zero."""
    total = 0.0
    for entry, token in zip(logprobs[first:], tokens[first:], strict=True):
        if entry is None:
            raise NotAvailable("a token in mid-passage has no log-probability")
        logprob = float(entry[str(token)]["logprob"])
        if logprob < MINUS_INFINITY:
            return None
        total -= logprob
    return total / math.log(2)


def score(
    path: Path,
    rows: list[Row],
    form: Format,
    endpoint: Endpoint,
    arm: str,
    *,
    context: int,
    concurrency: int,
    patience: Patience,
    progress: Callable[[Row], None],
) -> str | None:
    """Score the held-out rows into `path`, resuming; return why that is not available, or None.

    Beside the rows, `<arm>.status.json` says the same. Raises UserError when the endpoint dies on the way.
    """
    keys = {
        r["id"]: content_id([endpoint.model_hash, context, form.shape, form.chat, form.system, r], 16) for r in rows
    }
    drop_torn_row(path)
    before = list(read_rows(path)) if path.exists() else []
    kept = [r for r in before if keys.get(r["id"]) == r["key"]]
    if kept != before:
        write_rows(path, kept)
    missing = [r for r in rows if r["id"] not in {k["id"] for k in kept}]
    status_path = path.with_suffix(".status.json")
    why, skipped = None, 0
    try:
        if missing and not endpoint.tokenizes:
            raise NotAvailable(f"{endpoint.url} does not turn text into token ids (/tokenize)")
        passages = [passage(r, form, endpoint, context) for r in missing]
        passages = [p for p in passages if p.first < len(p.tokens) and p.chars > 0]
        skipped = asyncio.run(_ask_all(path, passages, keys, endpoint, arm, concurrency, patience, progress))
    except NotAvailable as error:
        why = str(error)
    order = {r["id"]: n for n, r in enumerate(rows)}
    found = read_rows(path) if path.exists() else []
    # Written even when there is nothing in it: that the question was put is a result.
    write_rows(path, sorted(found, key=lambda r: order[r["id"]]))
    status = "not available" if why else "ok"
    write_json(status_path, {"status": status, "why": why, "rows": len(rows), "impossible": skipped})
    return why


async def _ask_all(
    path: Path,
    passages: list[Passage],
    keys: dict[str, str],
    endpoint: Endpoint,
    arm: str,
    concurrency: int,
    patience: Patience,
    progress: Callable[[Row], None],
) -> int:
    """Append the bits of every passage; return how many hold a token that the model thinks impossible."""

    async def one(connection: openai.AsyncOpenAI, asked: Passage) -> Row | None:
        total = bits(await _logprobs(connection, endpoint, asked, patience), asked.tokens, asked.first)
        if total is None:
            return None
        return {
            "id": asked.id,
            "arm": arm,
            "model": endpoint.model,
            "chars": asked.chars,
            "tokens": len(asked.tokens) - asked.first,
            "bits": round(total, 4),
            "key": keys[asked.id],
        }

    try:
        done = await client.append_each(
            path, passages, one, endpoint, patience, concurrency=concurrency, progress=progress
        )
    except Dead as dead:
        raise UserError(
            f"{arm}: {endpoint.url} stopped answering ({dead})",
            hint="once the server is up again, the same command goes on; eval.likelihood=false leaves this out",
        ) from None
    return len(passages) - done


async def _logprobs(
    connection: openai.AsyncOpenAI, endpoint: Endpoint, asked: Passage, patience: Patience
) -> list[dict[str, dict[str, Any]] | None]:
    async def once() -> list[dict[str, dict[str, Any]] | None]:
        answer = await connection.completions.create(
            model=endpoint.model,
            prompt=asked.tokens,
            max_tokens=1,
            temperature=0,
            extra_body={"prompt_logprobs": 0},
        )
        found = (answer.choices[0].model_extra or {}).get("prompt_logprobs")
        if not isinstance(found, list) or len(found) != len(asked.tokens):
            raise NotAvailable(f"{endpoint.url} answers without prompt_logprobs")
        return found

    try:
        return await client.patiently(once, patience)
    except Refused as refusal:
        raise NotAvailable(f"{endpoint.url} refuses prompt_logprobs: {refusal}") from None


def _with_system(conversation: list[Message], form: Format) -> list[Message]:
    if form.system and not any(m["role"] == "system" for m in conversation):
        return [{"role": "system", "content": form.system}, *conversation]
    return conversation
