"""The shape `continuation`: a fragment of a manuscript, and what follows it."""

from __future__ import annotations

from voicewright.data import manuscript
from voicewright.data.chat_templates import Template
from voicewright.data.chats import counted, exchange, needed
from voicewright.data.document import Document, Drop, Section, paragraphs, sections, sentences
from voicewright.data.errors import Unreadable
from voicewright.data.pieces import Context, Made, Piece, finished

# Room for the template's own tokens and for sentences that end a little late.
SLACK = 0.8


def make(context: Context) -> Made:
    """Pairs of fragment and continuation of every chapter; neither crosses a chapter."""
    documents, made = manuscript.read(context)
    template = needed(context)
    works = manuscript.works_of(documents)
    for document in documents:
        made.kept[document.cleaned_path] = document.text
        for number, part in enumerate(sections(document.text)):
            try:
                _add(made, document, works[document.label], number, part, context, template)
            except Unreadable as error:
                made.problems.append(f"{document.place(part.start, part.end)}: {error.what}")
    return made


def _add(
    made: Made, document: Document, work: str, number: int, part: Section, context: Context, template: Template
) -> None:
    cuts, words, tokens = _sentences(document.text, part, context)
    length, overlap = _lengths(sum(words), sum(tokens), context)
    begin = 0
    while begin < len(words):
        middle = _reach(words, begin, length)
        end = _reach(words, middle, length)
        if end <= middle:
            break
        pair = (document.text[cuts[begin] : cuts[middle]], document.text[cuts[middle] : cuts[end]])
        about = document.origin(cuts[begin], cuts[end]) | {"work": work, "section": part.title}
        _add_pair(made, pair, about, f"{document.label}#{number}", context, template)
        if end == len(words):
            break
        following = middle
        while following > begin + 1 and sum(words[following:middle]) < overlap:
            following -= 1
        begin = following
    else:
        return
    if begin == 0 and not any(piece.unit == f"{document.label}#{number}" for piece in made.pieces):
        reason = "the chapter is too short for a fragment and what follows it"
        made.dropped.append(Drop(document.place(part.start, part.end), reason, sum(words)))


def _sentences(text: str, part: Section, context: Context) -> tuple[list[int], list[int], list[int]]:
    """Where sentences begin (and the last ends), their words and their tokens."""
    spans = [
        span for start, end, _ in paragraphs(text, (part.start, part.end)) for span in sentences(text, (start, end))
    ]
    pieces = [text[start:end] for start, end in spans]
    return [part.start, *(end for _, end in spans)], [len(p.split()) for p in pieces], context.counter.count(pieces)


def _lengths(words: int, tokens: int, context: Context) -> tuple[int, int]:
    """Words of a fragment and of the overlap, made less where two fragments would not fit in max_tokens."""
    settings = context.data.continuation
    fitting = int(SLACK * context.high / 2 * words / max(1, tokens))
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
    made: Made,
    pair: tuple[str, str],
    about: dict[str, str],
    unit: str,
    context: Context,
    template: Template,
) -> None:
    fragment, continuation = pair
    place = about["source"]
    instruction = context.data.continuation.instruction
    asked = f"{instruction}\n\n{fragment.strip()}" if instruction else fragment.strip()
    messages = exchange(asked, continuation.strip(), place, context)
    tokens = counted(messages, context, template)
    if tokens > context.high:
        reason = f"fragment and continuation have {tokens} tokens, more than max_tokens ({context.high})"
        made.dropped.append(Drop(place, reason, len(continuation.split())))
        return
    row = {**about, "tokens": tokens, "messages": messages}
    # Fragments overlap, so that a chapter cannot be divided between splits.
    made.pieces.append(Piece(finished(row), "chat", context.name, unit, unit))
