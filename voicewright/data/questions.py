"""Asking a model behind an OpenAI-compatible endpoint: concurrent, with backoff, each answer kept as it comes.

Answers are kept in runs/.asked/<generator>.jsonl, by what was asked about: a kill loses none, and another recipe
that asks the same of the same model pays nothing again.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import openai

from voicewright.core import credentials
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import home
from voicewright.core.progress import shown
from voicewright.core.records import Appender, content_id
from voicewright.data.tokenizers import TokenCounter
from voicewright.recipe.schema import Asking


class Model(NamedTuple):
    """What is asked."""

    name: str
    vllm: bool
    """It is served by vLLM, which can hold an answer to a form without blanks."""


class Put(NamedTuple):
    """How something is asked."""

    key: str
    """The section of `data` that says so: qa, expand."""
    what: str
    """What is asked for, as people call it."""
    prompt: str
    """With {text} where what is asked about goes."""
    most_tokens: int
    """Of an answer."""
    temperature: float
    parsed: Callable[[str], list[str]]
    """The texts of an answer; none where it is not what was asked for."""
    form: Callable[[Model], dict[str, Any]] = lambda _: {}
    """The request's fields that hold an answer to its form."""

    def message(self, text: str) -> str:
        return self.prompt.replace("{text}", text)


class Asked(NamedTuple):
    """What came, and what it took."""

    texts: list[str]
    tokens_in: int
    tokens_out: int


def generator(put: Put, settings: Asking, base_dir: Path) -> str:
    """The identity of what asks: another model or another prompt gets other answers.

    Where no model is named it is the recipe's own base, in `base_dir`, that is served at the URL.
    """
    return content_id([settings.url, settings.model or str(base_dir), put.prompt])


def key(put: Put, settings: Asking) -> str:
    """The endpoint's key, from the environment or the ignored file .env; a local server needs none."""
    found = credentials.find(settings.key_variable)
    if not found and not any(host in settings.url for host in ("127.0.0.1", "localhost", "[::1]")):
        raise UserError(
            f"data.{put.key}.url {settings.url} needs a key and {settings.key_variable} is not set",
            hint=f"export {settings.key_variable}=..., or put the line {settings.key_variable}=... into .env",
        )
    return found or "none"


def answers(texts: Sequence[str], put: Put, settings: Asking, counter: TokenCounter, name: str) -> dict[str, Asked]:
    """Answers by text: those kept from before, and new ones for the rest unless enough are covered.

    Raises UserError where fewer came than `coverage` asks for; those that came are kept.
    """
    path = home() / "runs" / ".asked" / f"{generator(put, settings, counter.folder)}.jsonl"
    with Appender(path) as kept:
        known = {row["asked"]: Asked(row["texts"], row["tokens_in"], row["tokens_out"]) for row in kept.rows}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if len(missing) > (1 - settings.coverage) * len(texts):
            tokens_in = sum(counter.count([put.message(text) for text in missing]))
            tokens_out = put.most_tokens * len(missing)
            cost = price(tokens_in, tokens_out, settings)
            notice(
                f"{name}: asking for {put.what} {len(missing)} times at {settings.url}, about {tokens_in:,} tokens in "
                f"and at most {tokens_out:,} out{f', {cost:.2f} at the prices given' if cost else ''}"
            )
            for text, asked in shown(ask_all(missing, put, settings), len(missing), f"{put.what}, {name}"):
                known[text] = asked
                kept.append({"asked": text, **asked._asdict()})
    found = {text: known[text] for text in texts if text in known}
    covered = sum(text in found for text in texts)
    if covered < settings.coverage * len(texts):
        raise UserError(
            f"data.{put.key}: {covered} of {len(texts)} passages have {put.what}, "
            f"fewer than the {settings.coverage:.0%} asked for",
            hint="run prepare again: it goes on from here; if it fails again, look at the endpoint's log",
        )
    return found


def price(tokens_in: int, tokens_out: int, settings: Asking) -> float:
    """What the tokens cost, in the currency of the prices."""
    return (tokens_in * settings.price_in + tokens_out * settings.price_out) / 1e6


class EndpointUsage(NamedTuple):
    """What asking took, for stats.json."""

    tokens_in: int
    tokens_out: int
    cost: float
    """In the currency of the recipe's prices."""


def usage(asked: Collection[Asked], settings: Asking) -> EndpointUsage:
    """Tokens and cost of answers."""
    tokens_in, tokens_out = sum(each.tokens_in for each in asked), sum(each.tokens_out for each in asked)
    return EndpointUsage(tokens_in, tokens_out, round(price(tokens_in, tokens_out, settings), 4))


def ask_all(texts: Sequence[str], put: Put, settings: Asking) -> Iterator[tuple[str, Asked]]:
    """Each text with its answer, as soon as it comes; where every try failed it is left out, with a notice."""
    with asyncio.Runner() as runner:
        client = openai.AsyncOpenAI(
            base_url=settings.url, api_key=key(put, settings), max_retries=0, timeout=settings.timeout_s
        )
        model = runner.run(_model(client, put, settings))
        failures: list[str] = []
        waiting = deque(texts)
        running: dict[asyncio.Task[Asked | str], str] = {}
        while waiting or running:
            while waiting and len(running) < settings.concurrency:
                text = waiting.popleft()
                running[runner.get_loop().create_task(_ask(client, model, text, put, settings))] = text
            for task in runner.run(_first(running)):
                text, asked = running.pop(task), task.result()
                if isinstance(asked, str):
                    failures.append(asked)
                else:
                    yield text, asked
        runner.run(client.close())
    if failures:
        notice(f"no {put.what} {len(failures)} time(s), the last because: {failures[-1]}")


async def _model(client: openai.AsyncOpenAI, put: Put, settings: Asking) -> Model:
    """The model to ask. Raises UserError where nobody answers."""
    try:
        listed = (await client.models.list()).data
        return Model(settings.model or listed[0].id, bool(listed) and listed[0].owned_by == "vllm")
    except (openai.OpenAIError, IndexError) as error:
        if settings.model:
            return Model(settings.model, False)  # not every service lists its models
        raise UserError(
            f"data.{put.key}.url {settings.url} does not answer ({error})",
            hint=f"start the server, or name another in data.{put.key}.url",
        ) from None


async def _first(running: Collection[asyncio.Task[Asked | str]]) -> set[asyncio.Task[Asked | str]]:
    """Those that are answered, as soon as one is."""
    return (await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED))[0]


async def _ask(client: openai.AsyncOpenAI, model: Model, text: str, put: Put, settings: Asking) -> Asked | str:
    """What comes of one text, or why nothing did after all tries."""
    reason = ""
    tokens_in = tokens_out = 0
    structured = True
    for attempt in range(settings.tries):
        if attempt:
            await asyncio.sleep(settings.wait_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
        try:
            answer = await client.chat.completions.create(
                model=model.name,
                messages=[{"role": "user", "content": put.message(text)}],
                max_tokens=put.most_tokens,
                temperature=put.temperature,
                **(put.form(model) if structured else {}),
            )
        except openai.BadRequestError as error:
            structured, reason = False, str(error)  # not every server knows response_format
            continue
        except openai.OpenAIError as error:
            reason = str(error)
            continue
        if answer.usage:
            tokens_in += answer.usage.prompt_tokens
            tokens_out += answer.usage.completion_tokens
        said = answer.choices[0].message.content or ""
        found = put.parsed(said)
        if found:
            return Asked(found, tokens_in, tokens_out)
        reason = f"the answer is not what was asked for: {said[:80]!r}"
    return reason
