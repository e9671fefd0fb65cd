"""Text health: what would be learnt along with the voice, row by row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import py3langid
from ftfy import badness

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
MOST_LISTED = 50
# Enough letters to tell a language by.
LEAST_LETTERS = 80


def look(texts: Mapping[str, str], control_tokens: re.Pattern[str]) -> dict[str, Any]:
    """Rows (id: text) with mojibake, control characters, another language, repeated lines or control tokens."""
    languages = {row: _language(text) for row, text in texts.items()}
    told = [language for language in languages.values() if language]
    main = Counter(told).most_common(1)[0][0] if told else None
    found: dict[str, list[dict[str, Any]]] = {
        "mojibake": [{"id": row} for row, text in texts.items() if badness.is_bad(text)],
        "control_characters": [{"id": row} for row, text in texts.items() if _CONTROL.search(text)],
        "other_language": [
            {"id": row, "language": language} for row, language in languages.items() if language not in (None, main)
        ],
        "repeated_lines": [{"id": row, "line": line} for row, text in texts.items() if (line := _repeated(text))],
        "control_tokens": [
            {"id": row, "token": match[0]} for row, text in texts.items() if (match := control_tokens.search(text))
        ],
    }
    return {
        "language": main,
        "counts": {name: len(rows) for name, rows in found.items()},
        "rows": {name: rows[:MOST_LISTED] for name, rows in found.items() if rows},
    }


def _language(text: str) -> str | None:
    return str(py3langid.classify(text[:600])[0]) if sum(map(str.isalpha, text[:600])) >= LEAST_LETTERS else None


def _repeated(text: str) -> str | None:
    """A line of some length that comes three times or more."""
    lines = Counter(line.strip() for line in text.split("\n") if len(line.strip()) > 20)
    line, times = lines.most_common(1)[0] if lines else ("", 0)
    return line[:80] if times >= 3 else None
