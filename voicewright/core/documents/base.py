"""Reading and writing typed JSON: one document per file, or one per line.

A model names what this version writes and reads. Fields it does not name are kept, so that a file of a newer version
survives being read and written here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from voicewright.core.errors import UserError
from voicewright.core.records import dumps, read_json, replacing, write_json


class Document(BaseModel):
    """A JSON object on disk. Unknown fields are kept; fields that were not set are not written."""

    model_config = ConfigDict(
        extra="allow",
        populate_by_name=True,
        serialize_by_alias=True,
        protected_namespaces=(),
        use_attribute_docstrings=True,
    )

    def to_json(self) -> dict[str, Any]:
        """The object as it is written: only what was set, in the order in which it was set or read."""
        return self.model_dump(mode="json", exclude_unset=True)


D = TypeVar("D", bound=Document)


def parse(model: type[D], value: object, where: str) -> D:
    """A JSON value as a document. Raises UserError naming `where`, each field, what was expected and what was found."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise UserError([f"{where}: {_sentence(model, each)}" for each in error.errors()]) from None


def read_document(path: Path, model: type[D]) -> D:
    """The document of a JSON file. Raises UserError with the file, and the line of what does not parse."""
    return parse(model, read_json(path), str(path))


def write_document(path: Path, document: Document) -> None:
    """Write a whole document, or nothing."""
    write_json(path, document.to_json())


def read_documents(path: Path, model: type[D]) -> Iterator[D]:
    """The documents of a JSONL file, one a line; blank lines are passed over. Raises UserError with file and line."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield parse_line(model, line, f"{path}:{number}")


def parse_line(model: type[D], line: str, where: str) -> D:
    """One line of a JSONL file as a document. Raises UserError naming `where`."""
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not valid JSON ({error.msg})") from None
    return parse(model, value, where)


def parse_lines(model: type[D], lines: Iterable[str], path: Path) -> list[D]:
    """The lines of a JSONL file as documents, for files that people write: the UserError names every line that fails.

    Blank lines are passed over; of more than 20 problems, the first 20 are named.
    """
    documents: list[D] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                documents.append(parse_line(model, line, f"{path}:{number}"))
            except UserError as error:
                problems += error.problems
    if problems:
        raise UserError(problems[:20])
    return documents


def write_documents(path: Path, documents: Iterable[Document]) -> int:
    """Write a whole JSONL file, or nothing; return the number of rows."""
    count = 0
    with replacing(path) as file:
        for document in documents:
            file.write(dumps(document.to_json()) + "\n")
            count += 1
    return count


def _sentence(model: type[Document], error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"]) or model.__name__
    if error["type"] == "missing":
        return f"{field} is missing"
    found = repr(error["input"])
    message = error["msg"].removeprefix("Value error, ")
    return f"{field}: {message[0].lower()}{message[1:]}, found {found if len(found) < 60 else found[:57] + '...'}"
