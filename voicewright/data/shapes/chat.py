"""The shapes `chat` and `instruction`: conversations in which the loss is on one voice's turns alone.

Their functions on conversations serve the other shapes whose rows are conversations.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from voicewright.core.errors import UserError
from voicewright.core.records import content_id
from voicewright.core.rows import Message, TrainingRow
from voicewright.data import tokenizers
from voicewright.data.chat_templates import Template
from voicewright.data.errors import Unreadable
from voicewright.data.readers import json_rows
from voicewright.data.readers.conversations import Thread, Turn, read_conversation
from voicewright.data.shapes.base import PreparedRow, ShapeContext, ShapeOutput, shape, with_id


class Part(NamedTuple):
    """A part of a conversation, and its tokens in the model's chat template."""

    messages: list[Message]
    tokens: int


@shape("instruction", rows="chat")
@shape("chat", rows="chat")
def conversations(context: ShapeContext) -> ShapeOutput:
    """Conversations of all files of a source, cut between exchanges where they are longer than max_tokens."""
    output = ShapeOutput()
    template = required_template(context)
    for file, json_row in json_rows.read_all(context.files, output.problems):
        try:
            thread = read_conversation(json_row)
            if thread is None:
                output.drop(json_row.place, "the conversation is empty")
            else:
                _add(output, thread, PurePath(file.label).stem, context, template)
        except Unreadable as error:
            output.problems.append(f"{json_row.place}: {error.what}")
    return output


def required_template(context: ShapeContext) -> Template:
    """The chat template. Raises UserError where the model has none."""
    if context.template is None:
        raise UserError(
            f"data.sources.{context.source_name}: shape {context.source.shape} needs a chat template and the model has "
            "none",
            hint="choose an instruct model, or set axolotl.chat_template=chatml",
        )
    return context.template


def exchange(question: str, answer: str, place: str, context: ShapeContext) -> list[Message]:
    """One question and the answer to learn, under the recipe's system prompt."""
    turns = [Turn("user", question, "user"), Turn("assistant", answer, context.source.voice)]
    return _messages(Thread(place, "", turns), context)


def with_system(messages: list[Message], place: str, context: ShapeContext) -> list[Message]:
    """The messages with the recipe's system prompt first, drawn by the row's place where there are several."""
    system = context.source.system
    if system is None or not messages:
        return messages
    if isinstance(system, list):
        system = random.Random(f"{context.data.seed} {content_id(place)}").choice(system)
    others = [message for message in messages if message.role != "system"]
    return [Message(role="system", content=system, train=False), *others] if system else others


def without_control_tokens(messages: Sequence[Message], context: ShapeContext) -> list[Message]:
    """The messages without the model's control tokens. Raises Unreadable where the recipe refuses those."""
    pattern = tokenizers.control_token_pattern(context.counter.control_tokens)
    remove = context.data.special_tokens == "remove"
    texts = [tokenizers.without_control_tokens(message.text, pattern, remove=remove)[0] for message in messages]
    return [message.model_copy(update={"content": text}) for message, text in zip(messages, texts, strict=True)]


def count_tokens(messages: Sequence[Message], context: ShapeContext, template: Template) -> int:
    """Tokens of a conversation in the model's chat template."""
    return context.counter.count([template.render(messages)])[0]


def _add(output: ShapeOutput, thread: Thread, work: str, context: ShapeContext, template: Template) -> None:
    messages = without_control_tokens(_messages(thread, context), context)
    if not any(message.train for message in messages):
        words = sum(len(turn.content.split()) for turn in thread.turns)
        output.drop(thread.place, f"nothing in it is said by {context.source.voice!r}", words)
        return
    for number, (part, tokens) in enumerate(_parts(messages, context, template)):
        if tokens > context.max_tokens:
            words = sum(len(message.text.split()) for message in part)
            reason = f"an exchange of {tokens} tokens is longer than max_tokens ({context.max_tokens})"
            output.drop(thread.place, reason, words)
            continue
        row = TrainingRow(id="", source=thread.place, work=work, tokens=tokens, messages=part)
        output.rows.append(PreparedRow(with_id(row), context.source_name, thread.place, f"{thread.place}/{number}"))


def _messages(thread: Thread, context: ShapeContext) -> list[Message]:
    """The turns as Axolotl reads them: the voice's turns are the assistant's, `train` marks where the loss is."""
    voice = context.source.voice.lower()
    messages: list[Message] = []
    for turn in thread.turns:
        is_voice = voice in (turn.role, turn.speaker.lower())
        role = "assistant" if is_voice else turn.role if turn.role in ("system", "tool") else "user"
        if turn.role == "assistant" and not is_voice and turn.weight == 0.0:
            role = "assistant"  # a tool call keeps its place
        train = is_voice and turn.weight != 0.0
        content = turn.content.strip()
        if messages and messages[-1].role == role and messages[-1].train == train and role != "tool":
            content = f"{messages.pop().text}\n\n{content}"
        messages.append(Message(role=role, content=content, train=train))
    while messages and not messages[-1].train:
        messages.pop()  # nothing is learnt from what comes after the voice's last word
    return with_system(messages, thread.place, context)


def _parts(messages: list[Message], context: ShapeContext, template: Template) -> list[Part]:
    """The conversation in parts of at most max_tokens, each beginning with what the voice answers.

    A part that cannot be made to fit is longer than that.
    """
    system = [message for message in messages if message.role == "system"]
    exchanges: list[list[Message]] = []
    for message in messages:
        if message.role == "system":
            continue
        if not exchanges or (exchanges[-1][-1].role == "assistant" and message.role == "user"):
            exchanges.append([])
        exchanges[-1].append(message)
    parts: list[Part] = []
    for turns in exchanges:
        if parts:
            longer = [*parts[-1].messages, *turns]
            tokens = count_tokens(longer, context, template)
            if tokens <= context.max_tokens:
                parts[-1] = Part(longer, tokens)
                continue
        alone = [*system, *turns]
        parts.append(Part(alone, count_tokens(alone, context, template)))
    return [part for part in parts if any(message.train for message in part.messages)]
