"""Asking an endpoint many things at once, patiently: retries with backoff, and a clear end when it is dead."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import openai

from voicewright.core.records import Appender, Row
from voicewright.serving import endpoint as served
from voicewright.serving.endpoint import Endpoint

T = TypeVar("T")
LONGEST_DELAY_S = 60.0


@dataclass(frozen=True)
class Patience:
    """How long to bear with an endpoint."""

    attempts: int = 6
    first_delay_s: float = 0.5
    """Doubles with every attempt."""
    timeout_s: float = 600.0


@dataclass(frozen=True)
class Request:
    """One thing to ask: raw text to continue, or messages to answer."""

    prompt: str | None
    messages: list[dict[str, str]] | None
    max_tokens: int
    seed: int
    sampling: dict[str, float | int | str]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    text: str
    finish_reason: str | None
    completion_tokens: int | None


class Refused(Exception):
    """The endpoint will not answer this request, however often it is asked."""


class Dead(Exception):
    """The endpoint did not answer, however often it was asked."""


@asynccontextmanager
async def connect(endpoint: Endpoint, patience: Patience) -> AsyncIterator[openai.AsyncOpenAI]:
    """A client of an endpoint. It never retries by itself: `patiently` does."""
    client = openai.AsyncOpenAI(base_url=endpoint.url, api_key=served.key(), max_retries=0, timeout=patience.timeout_s)
    try:
        yield client
    finally:
        await client.close()


async def append_each(
    path: Path,
    pieces: Iterable[T],
    one: Callable[[openai.AsyncOpenAI, T], Awaitable[Row | None]],
    endpoint: Endpoint,
    patience: Patience,
    *,
    concurrency: int,
    progress: Callable[[Row], None],
) -> int:
    """Append the row that `one` makes of each piece, as it comes; return how many there were.

    `concurrency` pieces are under way at a time; None is no row. The first failure ends all and is raised as it is.
    """
    gate = asyncio.Semaphore(concurrency)
    with Appender(path) as file:
        before = len(file.rows)
        async with connect(endpoint, patience) as connection:

            async def append(piece: T) -> None:
                async with gate:
                    row = await one(connection, piece)
                    if row is not None:
                        file.append(row)
                        progress(row)

            try:
                async with asyncio.TaskGroup() as group:
                    for piece in pieces:
                        group.create_task(append(piece))
            except ExceptionGroup as failures:
                raise failures.exceptions[0] from None
        return len(file.rows) - before


async def ask(client: openai.AsyncOpenAI, endpoint: Endpoint, request: Request, patience: Patience) -> Answer:
    """The endpoint's answer. Raises Refused or Dead."""
    usual = {k: v for k, v in request.sampling.items() if k in ("temperature", "top_p")}
    # Not in OpenAI's API: only sent when the recipe asks for them, so that strict servers are not upset.
    extra = {k: v for k, v in request.sampling.items() if k not in usual} or None
    shared: dict[str, Any] = {
        "model": endpoint.model,
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "extra_body": extra,
        **usual,
    }

    async def once() -> Answer:
        if request.messages is not None:
            messages: Any = request.messages
            chat = await client.chat.completions.create(messages=messages, **shared)
            return _answer(chat, chat.choices[0].message.content)
        raw = await client.completions.create(prompt=request.prompt, **shared)
        return _answer(raw, raw.choices[0].text)

    return await patiently(once, patience)


async def patiently(once: Callable[[], Awaitable[T]], patience: Patience) -> T:
    """Try `once` until it answers. Raises Refused for what asking again cannot fix, Dead after the last attempt."""
    for attempt in range(1, patience.attempts + 1):
        try:
            return await once()
        except (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError) as error:
            last: Exception = error
        except openai.APIStatusError as error:
            if error.status_code not in (408, 409):
                raise Refused(_words(error)) from None
            last = error
        # An answer that is no JSON, or JSON of another kind: a proxy's error page, a half-written body.
        except (openai.APIError, json.JSONDecodeError, AttributeError, IndexError, TypeError, KeyError) as error:
            last = error
        if attempt < patience.attempts:
            await asyncio.sleep(_delay(last, attempt, patience))
    raise Dead(_words(last))


def _delay(error: Exception, attempt: int, patience: Patience) -> float:
    """Seconds before the next attempt: what the server asks for, else doubled each time, spread at random."""
    if isinstance(error, openai.APIStatusError):
        asked = error.response.headers.get("retry-after", "")
        if asked.replace(".", "", 1).isdigit():
            return min(float(asked), LONGEST_DELAY_S)
    spread = random.uniform(0.5, 1.0)  # many clients must not come back at the same moment
    return float(min(patience.first_delay_s * 2 ** (attempt - 1), LONGEST_DELAY_S) * spread)


def _words(error: Exception) -> str:
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    return f"{type(error).__name__}: {error}{cause}"[:300]


def _answer(response: Any, text: str | None) -> Answer:
    if text is not None and not isinstance(text, str):
        raise TypeError(f"expected text, found {type(text).__name__}")
    usage = response.usage
    tokens = int(usage.completion_tokens) if usage is not None else None
    return Answer(text or "", response.choices[0].finish_reason, tokens)
