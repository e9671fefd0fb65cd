"""The shape `qa`: questions that a passage answers, asked by a model; the answer is the passage, word for word."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from voicewright.core.documents.preparation import AskedText
from voicewright.core.documents.stats import QuestionStats
from voicewright.core.errors import UserError
from voicewright.core.rows import TrainingRow
from voicewright.data import questions
from voicewright.data.chat_templates import Template
from voicewright.data.errors import Unreadable
from voicewright.data.questions import Model, Task
from voicewright.data.shapes.base import PreparedRow, ShapeContext, ShapeOutput, shape, with_id
from voicewright.data.shapes.chat import count_tokens, exchange, required_template
from voicewright.data.shapes.completion import passages

PROMPT = (
    "Below is a passage of a book. Write {n} different questions that a curious reader might put to its author and "
    'that this passage answers. Each is one sentence, speaks to the author as "you" where that fits, and does not '
    'quote the passage. Answer with JSON alone: {"questions": ["...", "..."]}\n\nPassage:\n{text}'
)
MAX_QUESTION_CHARACTERS = 200
_OBJECT = r'\{"questions":\[%s\]\}'
# Room in a row for the question; the persona and the template are counted.
QUESTION_TOKENS = 80
MIN_PASSAGE_TOKENS = 32


@shape("qa", rows="chat")
def questions_and_answers(context: ShapeContext) -> ShapeOutput:
    """Question and answer rows of every passage of a source."""
    template = required_template(context)
    settings = context.data.qa
    if context.source.system is None:
        context = replace(context, source=context.source.model_copy(update={"system": settings.persona}))
    room = _passage_tokens(context, template)
    output = passages(replace(context, min_tokens=min(context.min_tokens, room), max_tokens=room))
    if output.problems:
        return output
    prose, output.rows = output.rows, []
    texts = [str(row.row.text) for row in prose]
    task = asking_for(settings.per_passage)
    answers = questions.answers(texts, task, settings, context.counter, context.source_name, context.questions_url)
    for row, text in zip(prose, texts, strict=True):
        _add(output, row, text, answers.get(text), context, template)
    covered = sum(text in answers for text in texts)
    usage = questions.usage(answers.values(), settings)
    output.question_stats[context.source_name] = QuestionStats(passages=len(prose), covered=covered, **usage._asdict())
    return output


def _passage_tokens(context: ShapeContext, template: Template) -> int:
    """The tokens that a row leaves for its passage. Raises UserError where those are too few."""
    try:
        beside = count_tokens(exchange(".", ".", "", context), context, template)
    except Unreadable as error:
        raise UserError(
            f"data.sources.{context.source_name}: a question under the system prompt {context.source.system!r} "
            f"{error.what}",
            hint="data.qa.persona='' leaves the system prompt out",
        ) from None
    room = context.max_tokens - beside - QUESTION_TOKENS
    if room < MIN_PASSAGE_TOKENS:
        raise UserError(
            f"data.max_tokens {context.max_tokens} leaves {max(0, room)} tokens for a passage beside its question and "
            f"the persona, expected {MIN_PASSAGE_TOKENS} or more",
            hint="raise data.max_tokens (and axolotl.sequence_len), or shorten data.qa.persona",
        )
    return room


def asking_for(n_questions: int) -> Task:
    """How so many questions on a passage are asked for."""
    return Task(
        section="qa",
        what="questions",
        prompt=PROMPT.replace("{n}", str(n_questions)),
        max_tokens=40 + MAX_QUESTION_CHARACTERS * n_questions,
        temperature=0.7,
        parse=partial(parse, n_questions=n_questions),
        form=partial(form, n_questions),
    )


def form(n_questions: int, model: Model) -> Mapping[str, object]:
    """The request's fields that hold the answer to its form."""
    if model.is_vllm:
        # Under a JSON schema vLLM allows blanks between tokens (only the server's start can forbid them), and a small
        # model fills them until its tokens run out.
        question = rf'"[A-Z][^"\\\n]{{8,{MAX_QUESTION_CHARACTERS - 20}}}\?"'
        return {"structured_outputs": {"regex": _OBJECT % ",".join([question] * n_questions)}}
    text = {"type": "string", "minLength": 8, "maxLength": MAX_QUESTION_CHARACTERS}
    texts = {"type": "array", "items": text, "minItems": n_questions, "maxItems": n_questions}
    schema = {
        "type": "object",
        "properties": {"questions": texts},
        "required": ["questions"],
        "additionalProperties": False,
    }
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "questions", "schema": schema}}}


def parse(answer: str, n_questions: int) -> list[str]:
    """The questions of an answer, [] if it is not the JSON asked for; words around the object are forgiven."""
    begin, end = answer.find("{"), answer.rfind("}")
    try:
        values = json.loads(answer[begin : end + 1])["questions"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return []
    texts = [" ".join(text.split()) for text in values if isinstance(text, str)] if isinstance(values, list) else []
    texts = [text for text in texts if text]
    return texts[:n_questions] if len(set(texts)) >= n_questions else []


def _add(
    output: ShapeOutput,
    passage: PreparedRow,
    text: str,
    answer: AskedText | None,
    context: ShapeContext,
    template: Template,
) -> None:
    place = passage.row.source
    if answer is None:
        output.drop(place, "no questions came for the passage", len(text.split()))
        return
    for question in answer.texts:
        # The passage stays as it is, to the last blank: what is learnt is the writer's, not ours.
        messages = exchange(question, text, place, context)
        tokens = count_tokens(messages, context, template)
        if tokens > context.max_tokens:
            output.drop(place, f"question and passage have {tokens} tokens, more than max_tokens")
            continue
        row = TrainingRow(
            id="",
            source=place,
            cleaned=passage.row.cleaned,
            work=passage.row.work,
            section=passage.row.section,
            tokens=tokens,
            messages=messages,
        )
        output.rows.append(PreparedRow(with_id(row), context.source_name, passage.unit, passage.part))
