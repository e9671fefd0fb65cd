"""Flaws of the text that would be learnt along with the voice, row by row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import py3langid
from ftfy import badness

from voicewright.core.documents.stats import HealthCheck, HealthFinding

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
MAX_LISTED = 50
# Fewer letters do not tell a language.
MIN_LETTERS = 80


def check(texts: Mapping[str, str], control_tokens: re.Pattern[str]) -> HealthCheck:
    """Rows (id: text) with mojibake, control characters, another language, repeated lines or control tokens."""
    languages = {row_id: language for row_id, text in texts.items() if (language := _language(text))}
    main = Counter(languages.values()).most_common(1)[0][0] if languages else None
    findings: dict[str, list[HealthFinding]] = {
        "mojibake": [HealthFinding(id=row_id) for row_id, text in texts.items() if badness.is_bad(text)],
        "control_characters": [HealthFinding(id=row_id) for row_id, text in texts.items() if _CONTROL.search(text)],
        "other_language": [
            HealthFinding(id=row_id, language=language) for row_id, language in languages.items() if language != main
        ],
        "repeated_lines": [
            HealthFinding(id=row_id, line=line) for row_id, text in texts.items() if (line := _repeated_line(text))
        ],
        "control_tokens": [
            HealthFinding(id=row_id, token=match[0])
            for row_id, text in texts.items()
            if (match := control_tokens.search(text))
        ],
    }
    return HealthCheck(
        language=main,
        counts={name: len(rows) for name, rows in findings.items()},
        rows={name: rows[:MAX_LISTED] for name, rows in findings.items() if rows},
    )


def _language(text: str) -> str | None:
    return str(py3langid.classify(text[:600])[0]) if sum(map(str.isalpha, text[:600])) >= MIN_LETTERS else None


def _repeated_line(text: str) -> str | None:
    """A line of more than 20 characters that occurs three times or more."""
    lines = Counter(line.strip() for line in text.split("\n") if len(line.strip()) > 20)
    line, times = lines.most_common(1)[0] if lines else ("", 0)
    return line[:80] if times >= 3 else None
