"""The shape `completion`: a manuscript's own passages, raw."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import PurePath

from voicewright.core.progress import each
from voicewright.data import books, chunking, control_tokens
from voicewright.data.document import Document, Section, scenes, sections
from voicewright.data.errors import Unreadable
from voicewright.data.pieces import Context, Made, Piece, finished


def make(context: Context) -> Made:
    """Passages of all files of a source, each ending where a reader would pause."""
    documents, made = read(context)
    works = works_of(documents)
    for document in each(documents, f"cutting {context.name}"):
        made.kept[document.cleaned_path] = document.text
        made.pieces += _passages(document, works[document.label], context)
    return made


def read(context: Context) -> tuple[list[Document], Made]:
    """The cleaned documents of a source, what was left out of them, and what is wrong with any."""
    documents: list[Document] = []
    made = Made()
    tokens = control_tokens.pattern(context.counter.control)
    for file in each(context.files, f"reading {context.name}"):
        try:
            document = books.read(file, context.data, tokens)
        except Unreadable as error:
            made.problems.append(error.told(file.label))
            continue
        documents.append(document)
        made.dropped += document.dropped
    return documents, made


def works_of(documents: list[Document]) -> dict[str, str]:
    """Which work each document belongs to, by label.

    Files of one chapter each are one work, named by their source; others are works of their own.
    """
    chapters = sorted(len(sections(document.text)) for document in documents)
    parts_of_one = len(documents) > 1 and chapters[len(chapters) // 2] <= 1
    stems = {d.label: d.source if parts_of_one else PurePath(d.label).stem for d in documents}
    return {
        label: stem if list(stems.values()).count(stem) == 1 or parts_of_one else label for label, stem in stems.items()
    }


def _passages(document: Document, work: str, context: Context) -> list[Piece]:
    parts = sections(document.text)
    scene_ends = [end for _, end in scenes(document.text, (0, len(document.text)))]
    chapters = chunking.chunk(
        document.text, parts, context.counter.count, context.low, context.high, context.counter.estimate
    )
    return [
        _piece(document, work, number, part, passage, bisect_right(scene_ends, passage.start), context)
        for number, (part, passages) in enumerate(zip(parts, chapters, strict=True))
        for passage in passages
    ]


def _piece(
    document: Document, work: str, number: int, part: Section, passage: chunking.Chunk, scene: int, context: Context
) -> Piece:
    row = {
        **document.origin(passage.start, passage.end),
        "work": work,
        "section": part.title,
        "tokens": passage.tokens,
        "text": document.text[passage.start : passage.end],
    }
    unit = f"{document.label}#{number}"
    return Piece(finished(row), "completion", context.name, unit, f"{unit}/{scene}", passage.reason, passage.ends_at)
