"""The shape `qa`: questions that a passage answers, asked by a model; the answer is the passage, word for word."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

from voicewright.core.errors import UserError
from voicewright.data import manuscript, questions
from voicewright.data.chat_templates import Template
from voicewright.data.chats import counted, exchange, needed
from voicewright.data.document import Drop
from voicewright.data.errors import Unreadable
from voicewright.data.pieces import Context, Made, Piece, finished
from voicewright.data.questions import Asked, Model, Put

PROMPT = (
    "Below is a passage of a book. Write {n} different questions that a curious reader might put to its author and "
    'that this passage answers. Each is one sentence, speaks to the author as "you" where that fits, and does not '
    'quote the passage. Answer with JSON alone: {"questions": ["...", "..."]}\n\nPassage:\n{text}'
)
LONGEST_QUESTION = 200
_OBJECT = r'\{"questions":\[%s\]\}'
# Room in a row for the question; the persona and the template are counted.
TOKENS_OF_QUESTION = 80
# Less is no passage.
FEWEST_TOKENS = 32


def make(context: Context) -> Made:
    """Question and answer rows of every passage of a source."""
    template = needed(context)
    settings = context.data.qa
    if context.source.system is None:
        context = replace(context, source=context.source.model_copy(update={"system": settings.persona}))
    try:
        beside = counted(exchange(".", ".", "", context), context, template)
    except Unreadable as error:
        raise UserError(
            f"data.sources.{context.name}: a question under the system prompt {context.source.system!r} {error.what}",
            hint="data.qa.persona='' leaves the system prompt out",
        ) from None
    room = context.high - beside - TOKENS_OF_QUESTION
    if room < FEWEST_TOKENS:
        raise UserError(
            f"data.max_tokens {context.high} leaves {max(0, room)} tokens for a passage beside its question and the "
            f"persona, expected {FEWEST_TOKENS} or more",
            hint="raise data.max_tokens (and axolotl.sequence_len), or shorten data.qa.persona",
        )
    made = manuscript.make(replace(context, low=min(context.low, room), high=room))
    if made.problems:
        return made
    passages, made.pieces = made.pieces, []
    texts = [piece.row["text"] for piece in passages]
    asked = questions.answers(texts, put(settings.per_passage), settings, context.counter, context.name)
    for piece in passages:
        _add(made, piece, asked.get(piece.row["text"]), context, template)
    covered = sum(text in asked for text in texts)
    used = questions.usage(list(asked.values()), settings)
    made.asked = {context.name: {"passages": len(passages), "covered": covered, **used}}
    return made


def put(wanted: int) -> Put:
    """How `wanted` questions on a passage are asked for."""
    return Put(
        "qa", "questions", PROMPT.replace("{n}", str(wanted)), 40 + LONGEST_QUESTION * wanted, 0.7,
        parsed=partial(parsed, wanted=wanted), form=partial(form, wanted),
    )  # fmt: skip


def form(wanted: int, model: Model) -> dict[str, Any]:
    """The request's fields that hold the answer to its form."""
    if model.vllm:
        # Under a JSON schema vLLM allows blanks between tokens (only the server's start can forbid them), and a small
        # model fills them until its tokens run out.
        each = rf'"[A-Z][^"\\\n]{{8,{LONGEST_QUESTION - 20}}}\?"'
        return {"extra_body": {"structured_outputs": {"regex": _OBJECT % ",".join([each] * wanted)}}}
    text = {"type": "string", "minLength": 8, "maxLength": LONGEST_QUESTION}
    listed = {"type": "array", "items": text, "minItems": wanted, "maxItems": wanted}
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


def _add(made: Made, piece: Piece, asked: Asked | None, context: Context, template: Template) -> None:
    text, place = piece.row["text"], piece.row["source"]
    if asked is None:
        made.dropped.append(Drop(place, "no questions came for the passage", len(text.split())))
        return
    for question in asked.texts:
        # The passage stays as it is, to the last blank: what is learnt is the writer's, not ours.
        messages = exchange(question, text, place, context)
        tokens = counted(messages, context, template)
        if tokens > context.high:
            made.dropped.append(Drop(place, f"question and passage have {tokens} tokens, more than max_tokens", 0))
            continue
        about = {key: piece.row[key] for key in ("source", "cleaned", "work", "section")}
        row = {**about, "tokens": tokens, "messages": messages}
        made.pieces.append(Piece(finished(row), "chat", context.name, piece.unit, piece.part))
