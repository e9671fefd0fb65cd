"""Asking a model for questions: concurrent, with backoff, one passage at a time as they come."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import openai

from voicewright import credentials
from voicewright.errors import UserError, notice
from voicewright.records import content_id
from voicewright.schema import Questions

PROMPT = (
    "Below is a passage of a book. Write {n} different questions that a curious reader might put to its author and "
    'that this passage answers. Each is one sentence, speaks to the author as "you" where that fits, and does not '
    'quote the passage. Answer with JSON alone: {{"questions": ["...", "..."]}}\n\nPassage:\n{passage}'
)
LONGEST_QUESTION = 200
_OBJECT = r'\{"questions":\[%s\]\}'


class Asked(NamedTuple):
    """Questions on one passage, and what they took."""

    questions: list[str]
    tokens_in: int
    tokens_out: int


class Model(NamedTuple):
    """What is asked."""

    name: str
    vllm: bool
    """It is served by vLLM, which can hold an answer to a form without blanks."""


def generator(settings: Questions, base_dir: Path) -> str:
    """The identity of what asks: another model or another prompt asks other questions.

    Where no model is named it is the recipe's own base, in `base_dir`, that is served at the URL.
    """
    return content_id([settings.url, settings.model or str(base_dir), settings.per_passage, PROMPT])


def key(settings: Questions) -> str:
    """The endpoint's key, from the environment or the ignored file .env; a local server needs none."""
    found = credentials.find(settings.key_variable)
    if not found and not any(host in settings.url for host in ("127.0.0.1", "localhost", "[::1]")):
        raise UserError(
            f"data.qa.url {settings.url} needs a key and {settings.key_variable} is not set",
            mend=f"export {settings.key_variable}=..., or put the line {settings.key_variable}=... into .env",
        )
    return found or "none"


def ask_all(passages: Sequence[str], settings: Questions) -> Iterator[tuple[str, Asked]]:
    """Each passage with its questions, as soon as they come; where every try failed it is left out, with a notice."""
    with asyncio.Runner() as runner:
        client = openai.AsyncOpenAI(
            base_url=settings.url, api_key=key(settings), max_retries=0, timeout=settings.timeout_s
        )
        model = runner.run(_model(client, settings))
        failures: list[str] = []
        waiting = deque(passages)
        running: dict[asyncio.Task[Asked | str], str] = {}
        while waiting or running:
            while waiting and len(running) < settings.concurrency:
                text = waiting.popleft()
                running[runner.get_loop().create_task(_ask(client, model, text, settings))] = text
            for task in runner.run(_first(running)):
                text, asked = running.pop(task), task.result()
                if isinstance(asked, str):
                    failures.append(asked)
                else:
                    yield text, asked
        runner.run(client.close())
    if failures:
        notice(f"no questions for {len(failures)} passage(s), the last because: {failures[-1]}")


async def _model(client: openai.AsyncOpenAI, settings: Questions) -> Model:
    """The model to ask. Raises UserError where nobody answers."""
    try:
        listed = (await client.models.list()).data
        return Model(settings.model or listed[0].id, bool(listed) and listed[0].owned_by == "vllm")
    except (openai.OpenAIError, IndexError) as error:
        if settings.model:
            return Model(settings.model, False)  # not every service lists its models
        raise UserError(
            f"data.qa.url {settings.url} does not answer ({error})",
            mend="start the server, or name another in data.qa.url",
        ) from None


async def _first(running: Collection[asyncio.Task[Asked | str]]) -> set[asyncio.Task[Asked | str]]:
    """Those that are answered, as soon as one is."""
    return (await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED))[0]


async def _ask(client: openai.AsyncOpenAI, model: Model, passage: str, settings: Questions) -> Asked | str:
    """The questions on one passage, or why there are none after all tries."""
    reason = ""
    tokens_in = tokens_out = 0
    structured = True
    for attempt in range(settings.tries):
        if attempt:
            await asyncio.sleep(settings.wait_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
        try:
            answer = await client.chat.completions.create(
                model=model.name,
                messages=[{"role": "user", "content": PROMPT.format(n=settings.per_passage, passage=passage)}],
                max_tokens=40 + LONGEST_QUESTION * settings.per_passage,
                temperature=0.7,
                **(_structured(settings, model) if structured else {}),
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
        found = parsed(answer.choices[0].message.content or "", settings.per_passage)
        if found:
            return Asked(found, tokens_in, tokens_out)
        reason = f"the answer is not the JSON asked for: {(answer.choices[0].message.content or '')[:80]!r}"
    return reason


def _structured(settings: Questions, model: Model) -> Any:
    """The request's fields that hold the answer to its form."""
    if model.vllm:
        # Under a JSON schema vLLM allows blanks between tokens (only the server's start can forbid them), and a small
        # model fills them until its tokens run out.
        each = rf'"[A-Z][^"\\\n]{{8,{LONGEST_QUESTION - 20}}}\?"'
        return {"extra_body": {"structured_outputs": {"regex": _OBJECT % ",".join([each] * settings.per_passage)}}}
    text = {"type": "string", "minLength": 8, "maxLength": LONGEST_QUESTION}
    listed = {"type": "array", "items": text, "minItems": settings.per_passage, "maxItems": settings.per_passage}
    schema = {
        "type": "object",
        "properties": {"questions": listed},
        "required": ["questions"],
        "additionalProperties": False,
    }
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "questions", "schema": schema}}}


def parsed(answer: str, wanted: int) -> list[str]:
    """The questions of an answer, [] if it is not the JSON asked for; words around the object are forgiven."""
    begin, end = answer.find("{"), answer.rfind("}")
    try:
        found = json.loads(answer[begin : end + 1])["questions"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return []
    texts = [" ".join(text.split()) for text in found if isinstance(text, str)] if isinstance(found, list) else []
    texts = [text for text in texts if text]
    return texts[:wanted] if len(set(texts)) >= wanted else []
