"""The shape `continuation`: a fragment of a manuscript, and what follows it."""

from __future__ import annotations

from dataclasses import dataclass

from voicewright.core.rows import TrainingRow
from voicewright.core.text import sentence_spans
from voicewright.data.chat_templates import Template
from voicewright.data.cleaned_text import CleanedText, Section, paragraphs, sections
from voicewright.data.errors import Unreadable
from voicewright.data.shapes.base import PreparedRow, ShapeContext, ShapeOutput, shape, with_id
from voicewright.data.shapes.chat import count_tokens, exchange, required_template
from voicewright.data.shapes.completion import read_documents, works_of

# Room for the template's own tokens and for sentences that end a little late.
SLACK = 0.8


@dataclass(frozen=True)
class _Chapter:
    """A chapter, with its place in the material."""

    document: CleanedText
    work: str
    unit: str
    section: Section


@shape("continuation", rows="chat")
def continuations(context: ShapeContext) -> ShapeOutput:
    """Pairs of fragment and continuation of every chapter; neither crosses a chapter."""
    documents, output = read_documents(context)
    template = required_template(context)
    works = works_of(documents)
    for document in documents:
        output.files[document.cleaned_path] = document.text
        for number, section in enumerate(sections(document.text)):
            chapter = _Chapter(document, works[document.label], f"{document.label}#{number}", section)
            try:
                _add_chapter(output, chapter, context, template)
            except Unreadable as error:
                output.problems.append(f"{document.place(section.start, section.end)}: {error.what}")
    return output


def _add_chapter(output: ShapeOutput, chapter: _Chapter, context: ShapeContext, template: Template) -> None:
    cuts, words, tokens = _sentences(chapter, context)
    length, overlap = _lengths(sum(words), sum(tokens), context)
    begin = 0
    while begin < len(words):
        middle = _reach(words, begin, length)
        end = _reach(words, middle, length)
        if end <= middle:
            break
        _add_pair(output, chapter, (cuts[begin], cuts[middle], cuts[end]), context, template)
        if end == len(words):
            break
        next_begin = middle
        while next_begin > begin + 1 and sum(words[next_begin:middle]) < overlap:
            next_begin -= 1
        begin = next_begin
    else:
        return
    if begin == 0 and not any(row.unit == chapter.unit for row in output.rows):
        reason = "the chapter is too short for a fragment and what follows it"
        output.drop(chapter.document.place(chapter.section.start, chapter.section.end), reason, sum(words))


def _sentences(chapter: _Chapter, context: ShapeContext) -> tuple[list[int], list[int], list[int]]:
    """The offsets at which sentences begin (and the last one ends), their words and their tokens."""
    text, section = chapter.document.text, chapter.section
    spans = [
        span
        for start, end, _ in paragraphs(text, (section.start, section.end))
        for span in sentence_spans(text, start, end)
    ]
    texts = [text[start:end] for start, end in spans]
    cuts = [section.start, *(end for _, end in spans)]
    return cuts, [len(each.split()) for each in texts], context.counter.count(texts)


def _lengths(words: int, tokens: int, context: ShapeContext) -> tuple[int, int]:
    """Words of a fragment and of the overlap, reduced where two fragments would not fit in max_tokens."""
    settings = context.data.continuation
    fitting = int(SLACK * context.max_tokens / 2 * words / max(1, tokens))
    length = max(10, min(settings.words, fitting))
    return length, min(settings.overlap, length // 2)


def _reach(words: list[int], begin: int, length: int) -> int:
    """The sentence before which about `length` words have gone by since `begin`."""
    total = 0
    for i in range(begin, len(words)):
        if total and abs(total + words[i] - length) > abs(total - length):
            return i
        total += words[i]
    return len(words)


def _add_pair(
    output: ShapeOutput, chapter: _Chapter, cuts: tuple[int, int, int], context: ShapeContext, template: Template
) -> None:
    begin, middle, end = cuts
    document = chapter.document
    fragment, continuation = document.text[begin:middle], document.text[middle:end]
    place = document.place(begin, end)
    instruction = context.data.continuation.instruction
    question = f"{instruction}\n\n{fragment.strip()}" if instruction else fragment.strip()
    messages = exchange(question, continuation.strip(), place, context)
    tokens = count_tokens(messages, context, template)
    if tokens > context.max_tokens:
        reason = f"fragment and continuation have {tokens} tokens, more than max_tokens ({context.max_tokens})"
        output.drop(place, reason, len(continuation.split()))
        return
    row = TrainingRow(
        id="",
        source=place,
        cleaned=document.cleaned_place(begin, end),
        work=chapter.work,
        section=chapter.section.title,
        tokens=tokens,
        messages=messages,
    )
    # Fragments overlap, so that a chapter cannot be divided between splits.
    output.rows.append(PreparedRow(with_id(row), context.source_name, chapter.unit, chapter.unit))
