"""The shapes `chat` and `instruction`: conversations in which the loss is on one voice's turns alone."""

from __future__ import annotations

import random
from pathlib import PurePath
from typing import Any

from voicewright.core.errors import UserError
from voicewright.core.records import content_id
from voicewright.data import control_tokens
from voicewright.data.chat_templates import Template
from voicewright.data.conversations import Thread, Turn, threads
from voicewright.data.document import Drop
from voicewright.data.errors import Unreadable
from voicewright.data.pieces import Context, Made, Piece, finished
from voicewright.data.readers import json_rows

Message = dict[str, Any]


def make(context: Context) -> Made:
    """Conversations of all files of a source, cut between exchanges where they are longer than max_tokens."""
    made = Made()
    template = needed(context)
    for file, placed in json_rows.every(context.files, made.problems):
        try:
            thread = threads(placed)
            if thread is None:
                made.dropped.append(Drop(placed.place, "the conversation is empty"))
            else:
                _add(made, thread, PurePath(file.label).stem, context, template)
        except Unreadable as error:
            made.problems.append(f"{placed.place}: {error.what}")
    return made


def needed(context: Context) -> Template:
    """The chat template. Raises UserError where the model has none."""
    if context.template is None:
        raise UserError(
            f"data.sources.{context.name}: shape {context.source.shape} needs a chat template and the model has none",
            hint="choose an instruct model, or set axolotl.chat_template=chatml",
        )
    return context.template


def _add(made: Made, thread: Thread, work: str, context: Context, template: Template) -> None:
    words = sum(len(turn.content.split()) for turn in thread.turns)
    messages = spelt_safely(messages_of(thread, context), context)
    if not any(message.get("train") for message in messages):
        made.dropped.append(Drop(thread.place, f"nothing in it is said by {context.source.voice!r}", words))
        return
    for number, (part, tokens) in enumerate(fitted(messages, context, template)):
        if tokens > context.high:
            dropped = sum(len(message["content"].split()) for message in part)
            reason = f"an exchange of {tokens} tokens is longer than max_tokens ({context.high})"
            made.dropped.append(Drop(thread.place, reason, dropped))
            continue
        row = {"source": thread.place, "work": work, "tokens": tokens, "messages": part}
        made.pieces.append(Piece(finished(row), "chat", context.name, thread.place, f"{thread.place}/{number}"))


def spelt_safely(messages: list[Message], context: Context) -> list[Message]:
    """Messages without the model's control tokens. Raises Unreadable if they are to be refused."""
    tokens, remove = control_tokens.pattern(context.counter.control), context.data.special_tokens == "remove"
    return [m | {"content": control_tokens.without(m["content"], tokens, remove=remove)[0]} for m in messages]


def messages_of(thread: Thread, context: Context) -> list[Message]:
    """The turns as Axolotl reads them: the voice's turns are the assistant's, `train` marks where the loss is."""
    voice = context.source.voice.lower()
    messages: list[Message] = []
    for turn in thread.turns:
        speaks = voice in (turn.role, turn.speaker.lower())
        role = "assistant" if speaks else turn.role if turn.role in ("system", "tool") else "user"
        if turn.role == "assistant" and not speaks and turn.weight == 0.0:
            role = "assistant"  # a tool call keeps its place
        train = speaks and turn.weight != 0.0
        if messages and messages[-1]["role"] == role and messages[-1]["train"] == train and role != "tool":
            messages[-1]["content"] += f"\n\n{turn.content.strip()}"
        else:
            messages.append({"role": role, "content": turn.content.strip(), "train": train})
    while messages and not messages[-1]["train"]:
        messages.pop()  # nothing is learnt from what comes after the voice's last word
    return with_system(messages, thread.place, context)


def with_system(messages: list[Message], place: str, context: Context) -> list[Message]:
    """Put the recipe's system prompt first, drawn by the row's place where there are several."""
    system = context.source.system
    if system is None or not messages:
        return messages
    if isinstance(system, list):
        system = random.Random(f"{context.data.seed} {content_id(place)}").choice(system)
    rest = [message for message in messages if message["role"] != "system"]
    return [{"role": "system", "content": system, "train": False}, *rest] if system else rest


def fitted(messages: list[Message], context: Context, template: Template) -> list[tuple[list[Message], int]]:
    """The conversation in parts of at most max_tokens, each beginning with what the voice answers.

    A part that cannot be made to fit comes back longer than that.
    """
    system = [message for message in messages if message["role"] == "system"]
    exchanges: list[list[Message]] = []
    for message in messages:
        if message["role"] == "system":
            continue
        if not exchanges or (exchanges[-1][-1]["role"] == "assistant" and message["role"] == "user"):
            exchanges.append([])
        exchanges[-1].append(message)
    parts: list[tuple[list[Message], int]] = []
    for exchange in exchanges:
        if parts:
            longer = [*parts[-1][0], *exchange]
            tokens = counted(longer, context, template)
            if tokens <= context.high:
                parts[-1] = (longer, tokens)
                continue
        alone = [*system, *exchange]
        parts.append((alone, counted(alone, context, template)))
    return [(part, tokens) for part, tokens in parts if any(message["train"] for message in part)]


def counted(messages: list[Message], context: Context, template: Template) -> int:
    """Tokens of a conversation in the model's chat template."""
    spoken = [{"role": message["role"], "content": message["content"]} for message in messages]
    return context.counter.count([template.render(spoken)])[0]


def exchange(question: str, answer: str, place: str, context: Context) -> list[Message]:
    """One question and the answer to learn, under the recipe's system prompt."""
    turns = [Turn("user", question, "user"), Turn("assistant", answer, context.source.voice)]
    return messages_of(Thread(place, "", turns), context)
