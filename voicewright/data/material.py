"""What a writer's material is: of which kind each file is, by its content, and how much there is of each kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from voicewright.core.progress import each
from voicewright.data import books, conversations, sources
from voicewright.data.document import sections
from voicewright.data.errors import Unreadable, others_wrote_it
from voicewright.data.file_types import kind as format_of
from voicewright.data.readers import json_rows
from voicewright.data.readers.json_rows import Placed
from voicewright.data.shapes.preference.preference import REPLIES, read_pair
from voicewright.data.sources import File
from voicewright.recipe.schema import Data

Kind = Literal["prose", "pdf", "chats", "instructions", "pairs", "memories"]
# 82,300 tokens to the 63,302 words of the novelist's manuscript that recipes/visions.md tells of.
TOKENS_A_WORD = 1.3


@dataclass
class Material:
    """Everything of one kind."""

    kind: Kind
    files: list[File] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    """Words of each chapter, conversation, answer, pair or memory."""
    speakers: Counter[str] = field(default_factory=Counter)
    """Of chats: words by who says them."""

    @property
    def words(self) -> int:
        return sum(self.parts)

    @property
    def tokens(self) -> int:
        """About how many; `prepare` counts them with the model's own tokenizer."""
        return round(self.words * TOKENS_A_WORD)


def look(path: Path) -> tuple[list[Material], list[str]]:
    """What lies at a file, a folder or a glob, the most words first; and what is wrong with any file of it."""
    files, problems = sources.find({"SOURCE": path})
    found: dict[Kind, Material] = {}
    for file in each(files, "looking"):
        try:
            seen = _prose(file) if format_of(file.path) != "json" else _rows(file, problems)
        except Unreadable as error:
            problems.append(error.told(file.label))
            continue
        whole = found.setdefault(seen.kind, Material(seen.kind))
        whole.files.append(file)
        whole.parts += seen.parts
        whole.speakers += seen.speakers
    return sorted(_books_together(found), key=lambda material: -material.words), problems


def _books_together(found: dict[Kind, Material]) -> list[Material]:
    """PDFs and other prose are read alike: together they are what most of their words are."""
    if "prose" in found and "pdf" in found:
        more, less = sorted((found.pop("prose"), found.pop("pdf")), key=lambda material: -material.words)
        found[more.kind] = Material(more.kind, more.files + less.files, more.parts + less.parts)
    return list(found.values())


def _prose(file: File) -> Material:
    document = books.read(file, Data(sources={}))
    chapters = [len(document.text[part.start : part.end].split()) for part in sections(document.text)]
    return Material("pdf" if format_of(file.path) == "pdf" else "prose", parts=chapters)


def _rows(file: File, problems: list[str]) -> Material:
    """What most rows of a JSON file are; rows of another kind are `prepare`'s to refuse."""
    placed, wrong = json_rows.read(file)
    problems += wrong
    kinds = Counter(kind for row in placed if (kind := kind_of(row.value)))
    if not kinds:
        keys = ", ".join(list(placed[0].value)[:8]) if placed else "none"
        raise Unreadable(
            f"has rows of no kind that is known (keys: {keys}); expected chats, instructions with answers, pairs of a "
            "chosen and a rejected reply, or memories with type and text"
        )
    most = kinds.most_common(1)[0][0]
    seen = Material(most)
    for row in placed:
        if kind_of(row.value) == most:
            _count(row, seen)
    return seen


def kind_of(row: dict[str, Any]) -> Kind | None:
    """The kind of one row, by its keys; None for a row that no shape knows."""
    if all(any(name in row for name in names) for names in REPLIES.values()):
        return "pairs"
    if "type" in row and isinstance(row.get("text"), str):
        return "memories"
    if any(key in row for key in ("mapping", "chat_messages", "conversations", "messages", "conversation")):
        return "chats"
    return "instructions" if any(key in row for key in ("instruction", "prompt", "question")) else None


@others_wrote_it()
def _count(row: Placed, seen: Material) -> None:
    if seen.kind == "memories":
        seen.parts.append(len(str(row.value["text"]).split()))
    elif seen.kind == "pairs":
        seen.parts.append(sum(len(str(reply).split()) for reply in read_pair(row)[1:]))
    elif thread := conversations.threads(row):
        said = Counter[str]()
        for turn in thread.turns:
            said[turn.speaker or turn.role] += len(turn.content.split())
        seen.parts.append(said.total())
        seen.speakers += said
