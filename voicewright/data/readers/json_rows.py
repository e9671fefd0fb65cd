"""The objects of a JSON or JSONL file, each with its place; a line that does not parse costs only itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from voicewright.data.errors import Unreadable
from voicewright.data.readers.decoding import decode
from voicewright.data.sources import File

# Somebody else's JSON, in whatever spelling it came.
JsonObject = dict[str, Any]
MAX_PROBLEMS = 5


class JsonRow(NamedTuple):
    """An object and its place: `file.jsonl:12` or, inside an array, `file.json#12` (from 1)."""

    place: str
    value: JsonObject


def read_all(files: Iterable[File], problems: list[str]) -> Iterator[tuple[File, JsonRow]]:
    """The objects of several files, each with its file; a sentence for each problem is added to `problems`."""
    for file in files:
        try:
            rows, problems_of_file = read(file)
        except Unreadable as error:
            problems.append(error.problem(file.label))
            continue
        problems += problems_of_file
        yield from ((file, row) for row in rows)


def read(file: File) -> tuple[list[JsonRow], list[str]]:
    """The objects of a file, and a sentence for each that does not parse. Raises Unreadable for the file itself."""
    text = decode(file.path.read_bytes()).text
    if file.path.suffix.lower() in (".jsonl", ".ndjson"):
        return _lines(file.label, text)
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        if _is_lines(text):
            return _lines(file.label, text)
        raise Unreadable(f"is not valid JSON ({error.msg})", where=str(error.lineno)) from None
    except RecursionError:
        raise Unreadable("is nested too deeply to be data") from None
    rows: list[JsonRow] = []
    problems: list[str] = []
    for number, value in enumerate(whole if isinstance(whole, list) else _inner(whole), 1):
        place = f"{file.label}#{number}"
        if isinstance(value, dict):
            rows.append(JsonRow(place, value))
        else:
            problems.append(_not_an_object(place, value))
    return rows, _first(problems, file.label, "items")


def _inner(whole: Any) -> list[Any]:
    """A single object, or the list that an export wraps in one."""
    if isinstance(whole, dict):
        for key in ("conversations", "data", "rows", "items", "memories"):
            inner = whole.get(key)
            if isinstance(inner, list) and inner and isinstance(inner[0], dict) and "from" not in inner[0]:
                return inner
    return [whole]


def _is_lines(text: str) -> bool:
    first = next((line for line in text.splitlines() if line.strip()), "")
    try:
        return isinstance(json.loads(first), dict)
    except json.JSONDecodeError:
        return False


def _lines(label: str, text: str) -> tuple[list[JsonRow], list[str]]:
    rows: list[JsonRow] = []
    problems: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            problems.append(f"{label}:{number}: is not valid JSON ({reason}); was the file cut off?")
            continue
        if isinstance(value, dict):
            rows.append(JsonRow(f"{label}:{number}", value))
        else:
            problems.append(_not_an_object(f"{label}:{number}", value))
    return rows, _first(problems, label, "lines")


def _not_an_object(place: str, value: Any) -> str:
    return f"{place}: expected a JSON object ({{...}}), found {json.dumps(value, ensure_ascii=False)[:40]}"


def _first(problems: list[str], label: str, what: str) -> list[str]:
    others = len(problems) - MAX_PROBLEMS
    return [*problems[:MAX_PROBLEMS], f"{label}: and {others} more {what} like these"] if others > 0 else problems
