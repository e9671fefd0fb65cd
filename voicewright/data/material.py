"""The kinds of a writer's material, by the content of the files, and how many words there are of each kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from voicewright.core.progress import each
from voicewright.data import sources
from voicewright.data.cleaned_text import sections
from voicewright.data.errors import Unreadable, parsing_foreign_data
from voicewright.data.readers import books, json_rows
from voicewright.data.readers.conversations import read_conversation
from voicewright.data.readers.formats import format_of
from voicewright.data.readers.json_rows import JsonObject, JsonRow
from voicewright.data.shapes.preference import REPLIES, read_pair
from voicewright.data.sources import File
from voicewright.recipe.schema import Data

Kind = Literal["prose", "pdf", "chats", "instructions", "pairs", "memories"]
# 82,300 tokens to the 63,302 words of the novelist's manuscript that recipes/visions.md describes.
TOKENS_PER_WORD = 1.3


@dataclass
class Material:
    """Everything of one kind."""

    kind: Kind
    files: list[File] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    """Words of each chapter, conversation, answer, pair or memory."""
    speakers: Counter[str] = field(default_factory=Counter)
    """Of chats: words by speaker."""

    @property
    def words(self) -> int:
        return sum(self.parts)

    @property
    def tokens(self) -> int:
        """An estimate; `prepare` counts them with the model's own tokenizer."""
        return round(self.words * TOKENS_PER_WORD)


def survey(path: Path) -> tuple[list[Material], list[str]]:
    """The material at a file, a folder or a glob, the most words first; and the problems of files that have any."""
    files, problems = sources.find_files({"SOURCE": path})
    by_kind: dict[Kind, Material] = {}
    for file in each(files, "reading"):
        try:
            material = _prose(file) if format_of(file.path) != "json" else _rows(file, problems)
        except Unreadable as error:
            problems.append(error.problem(file.label))
            continue
        whole = by_kind.setdefault(material.kind, Material(material.kind))
        whole.files.append(file)
        whole.parts += material.parts
        whole.speakers += material.speakers
    return sorted(_with_books_joined(by_kind), key=lambda material: -material.words), problems


def _with_books_joined(by_kind: dict[Kind, Material]) -> list[Material]:
    """PDFs and other prose are read alike: together they are of the kind of most of their words."""
    if "prose" in by_kind and "pdf" in by_kind:
        more, less = sorted((by_kind.pop("prose"), by_kind.pop("pdf")), key=lambda material: -material.words)
        by_kind[more.kind] = Material(more.kind, more.files + less.files, more.parts + less.parts)
    return list(by_kind.values())


def _prose(file: File) -> Material:
    document = books.read(file, Data(sources={}))
    chapters = [len(document.text[part.start : part.end].split()) for part in sections(document.text)]
    return Material("pdf" if format_of(file.path) == "pdf" else "prose", parts=chapters)


def _rows(file: File, problems: list[str]) -> Material:
    """The kind of most rows of a JSON file; rows of another kind are refused by `prepare`."""
    rows, problems_of_file = json_rows.read(file)
    problems += problems_of_file
    kinds = Counter(kind for row in rows if (kind := kind_of(row.value)))
    if not kinds:
        keys = ", ".join(list(rows[0].value)[:8]) if rows else "none"
        raise Unreadable(
            f"has rows of no kind that is known (keys: {keys}); expected chats, instructions with answers, pairs of a "
            "chosen and a rejected reply, or memories with type and text"
        )
    main_kind = kinds.most_common(1)[0][0]
    material = Material(main_kind)
    for row in rows:
        if kind_of(row.value) == main_kind:
            _count(row, material)
    return material


def kind_of(row: JsonObject) -> Kind | None:
    """The kind of one row, by its keys; None for a row that no shape knows."""
    if all(any(name in row for name in names) for names in REPLIES.values()):
        return "pairs"
    if "type" in row and isinstance(row.get("text"), str):
        return "memories"
    if any(key in row for key in ("mapping", "chat_messages", "conversations", "messages", "conversation")):
        return "chats"
    return "instructions" if any(key in row for key in ("instruction", "prompt", "question")) else None


@parsing_foreign_data()
def _count(row: JsonRow, material: Material) -> None:
    if material.kind == "memories":
        material.parts.append(len(str(row.value["text"]).split()))
    elif material.kind == "pairs":
        pair = read_pair(row)
        material.parts.append(len(pair.chosen.content.split()) + len(pair.rejected.content.split()))
    elif thread := read_conversation(row):
        words = Counter[str]()
        for turn in thread.turns:
            words[turn.speaker or turn.role] += len(turn.content.split())
        material.parts.append(words.total())
        material.speakers += words
