"""The shape `completion`: a manuscript's own passages, raw."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import PurePath

from voicewright.core.progress import each
from voicewright.core.rows import TrainingRow
from voicewright.data import chunking, tokenizers
from voicewright.data.cleaned_text import CleanedText, Section, scenes, sections
from voicewright.data.errors import Unreadable
from voicewright.data.readers import books
from voicewright.data.shapes.base import PreparedRow, ShapeContext, ShapeOutput, shape, with_id


@shape("completion", rows="completion")
def passages(context: ShapeContext) -> ShapeOutput:
    """Passages of all files of a source, each ending where a reader would pause."""
    documents, output = read_documents(context)
    works = works_of(documents)
    for document in each(documents, f"cutting {context.source_name}"):
        output.files[document.cleaned_path] = document.text
        output.rows += _passages(document, works[document.label], context)
    return output


def read_documents(context: ShapeContext) -> tuple[list[CleanedText], ShapeOutput]:
    """The cleaned texts of a source, and an output with what was left out of them and the problems of the others."""
    documents: list[CleanedText] = []
    output = ShapeOutput()
    control_tokens = tokenizers.control_token_pattern(context.counter.control_tokens)
    for file in each(context.files, f"reading {context.source_name}"):
        try:
            document = books.read(file, context.data, control_tokens)
        except Unreadable as error:
            output.problems.append(error.problem(file.label))
            continue
        documents.append(document)
        output.dropped += document.dropped
    return documents, output


def works_of(documents: list[CleanedText]) -> dict[str, str]:
    """The work that each document belongs to, by label.

    Files of one chapter each are one work, named by their source; others are works of their own.
    """
    chapters = sorted(len(sections(document.text)) for document in documents)
    parts_of_one = len(documents) > 1 and chapters[len(chapters) // 2] <= 1
    stems = {d.label: d.source if parts_of_one else PurePath(d.label).stem for d in documents}
    return {
        label: stem if list(stems.values()).count(stem) == 1 or parts_of_one else label for label, stem in stems.items()
    }


def _passages(document: CleanedText, work: str, context: ShapeContext) -> list[PreparedRow]:
    parts = sections(document.text)
    scene_ends = [end for _, end in scenes(document.text, (0, len(document.text)))]
    chapters = chunking.chunk(
        document.text, parts, context.counter.count, context.min_tokens, context.max_tokens, context.counter.estimate
    )
    return [
        _row(document, work, number, part, chunk, bisect_right(scene_ends, chunk.start), context)
        for number, (part, chunks) in enumerate(zip(parts, chapters, strict=True))
        for chunk in chunks
    ]


def _row(
    document: CleanedText,
    work: str,
    number: int,
    part: Section,
    chunk: chunking.Chunk,
    scene: int,
    context: ShapeContext,
) -> PreparedRow:
    row = TrainingRow(
        id="",
        source=document.place(chunk.start, chunk.end),
        cleaned=document.cleaned_place(chunk.start, chunk.end),
        work=work,
        section=part.title,
        tokens=chunk.tokens,
        text=document.text[chunk.start : chunk.end],
    )
    unit = f"{document.label}#{number}"
    return PreparedRow(with_id(row), context.source_name, unit, f"{unit}/{scene}", chunk.reason, chunk.ends_at)
