"""Objects of a JSON or JSONL file, each with the place it came from; a torn line costs only itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from voicewright.data.errors import Unreadable
from voicewright.data.readers.decoding import decode
from voicewright.data.sources import File

MOST_PROBLEMS = 5


class Placed(NamedTuple):
    """An object and where it stands: `file.jsonl:12` or, inside an array, `file.json#12` (from 1)."""

    place: str
    value: dict[str, Any]


def every(files: Iterable[File], problems: list[str]) -> Iterator[tuple[File, Placed]]:
    """The objects of several files, each with its file; what is wrong with any of them goes to `problems`."""
    for file in files:
        try:
            found, wrong = read(file)
        except Unreadable as error:
            problems.append(error.told(file.label))
            continue
        problems += wrong
        yield from ((file, placed) for placed in found)


def read(file: File) -> tuple[list[Placed], list[str]]:
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
    values = whole if isinstance(whole, list) else _inner(whole)
    placed = [(f"{file.label}#{n}", value) for n, value in enumerate(values, 1)]
    wrong = [_no_object(place, value) for place, value in placed if not isinstance(value, dict)]
    return [Placed(*each) for each in placed if isinstance(each[1], dict)], _first(wrong, file.label, "items")


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


def _lines(label: str, text: str) -> tuple[list[Placed], list[str]]:
    found: list[Placed] = []
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
            found.append(Placed(f"{label}:{number}", value))
        else:
            problems.append(_no_object(f"{label}:{number}", value))
    return found, _first(problems, label, "lines")


def _no_object(place: str, value: Any) -> str:
    return f"{place}: expected a JSON object ({{...}}), found {json.dumps(value, ensure_ascii=False)[:40]}"


def _first(problems: list[str], label: str, what: str) -> list[str]:
    more = len(problems) - MOST_PROBLEMS
    return [*problems[:MOST_PROBLEMS], f"{label}: and {more} more {what} like these"] if more > 0 else problems
