"""Secrets and personal data: e-mail addresses, telephone numbers, and keys as detect-secrets knows them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import NamedTuple

from voicewright.core.documents.stats import PersonalCheck, PersonalFinding
from voicewright.core.rows import TrainingRow

# The detectors of detect-secrets that recognise the form of a key. Those that go by entropy or by the word "password"
# find something in every page of prose.
_DETECTORS = {
    "aws": "AWSKeyDetector",
    "azure_storage_key": "AzureStorageKeyDetector",
    "discord": "DiscordBotTokenDetector",
    "github_token": "GitHubTokenDetector",
    "gitlab_token": "GitLabTokenDetector",
    "jwt": "JwtTokenDetector",
    "npm": "NpmDetector",
    "openai": "OpenAIDetector",
    "private_key": "PrivateKeyDetector",
    "pypi_token": "PypiTokenDetector",
    "sendgrid": "SendGridDetector",
    "slack": "SlackDetector",
    "stripe": "StripeDetector",
    "telegram_token": "TelegramBotTokenDetector",
    "twilio": "TwilioKeyDetector",
}
# Not in detect-secrets 1.5.
_MORE_KEYS = re.compile(r"\b(?:hf_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9_-]{20,}|AIza[0-9A-Za-z_-]{35})\b")
_EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,24}\b")
_PHONE = re.compile(r"(?<![\w.])(?:\+|\()?\d[\d ()./-]{7,18}\d(?![\w])")
# A key is one long word with digits, or announces itself.
_MAYBE_KEY = re.compile(r"[A-Za-z0-9_/+=.-]{20,}|PRIVATE KEY")
_DATES = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{4} ?[-–] ?\d{4}")
UNMASKED = ("id", "source", "cleaned")
MASKS = {"e-mail": "[e-mail]", "phone": "[phone]", "secret": "[secret]"}
MAX_LISTED = 200


class Finding(NamedTuple):
    """A stretch of a text that should not be published."""

    start: int
    end: int
    kind: str
    """e-mail, phone or secret."""


def find(text: str) -> list[Finding]:
    """Personal data and keys in a text, in order, none within another."""
    findings: list[Finding] = []
    for finding in sorted({*_all(text)}, key=lambda each: (each.start, -each.end)):
        if not findings or finding.start >= findings[-1].end:
            findings.append(finding)
    return findings


def masked(text: str) -> str:
    """The text with personal data and keys replaced by what they are."""
    for finding in reversed(find(text)):
        text = text[: finding.start] + MASKS[finding.kind] + text[finding.end :]
    return text


def masked_row(row: TrainingRow) -> TrainingRow:
    """A row with every text in it masked; its id and where it comes from stay as they are."""
    values = {key: value if key in UNMASKED else _masked_value(value) for key, value in row.to_json().items()}
    return TrainingRow.model_validate(values)


def _masked_value(value: object) -> object:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: _masked_value(each) for key, each in value.items()}
    return [_masked_value(each) for each in value] if isinstance(value, list) else value


def check(texts: Mapping[str, str]) -> PersonalCheck:
    """Counts by kind, and the rows (id: text) concerned. The data itself is not repeated."""
    rows = []
    counts = dict.fromkeys(MASKS, 0)
    for row_id, text in texts.items():
        kinds = [finding.kind for finding in find(text)]
        for kind in kinds:
            counts[kind] += 1
        if kinds:
            rows.append(PersonalFinding(id=row_id, kinds=sorted(set(kinds))))
    return PersonalCheck(counts=counts, rows=rows[:MAX_LISTED])


def _all(text: str) -> Iterator[Finding]:
    if "@" in text:
        yield from (Finding(*match.span(), "e-mail") for match in _EMAIL.finditer(text))
    for match in _PHONE.finditer(text):
        digits = sum(c.isdigit() for c in match[0])
        if 9 <= digits <= 15 and not _DATES.fullmatch(match[0].strip()):
            yield Finding(*match.span(), "phone")
    if _MAYBE_KEY.search(text):
        for pattern in _key_patterns():
            yield from (Finding(*match.span(), "secret") for match in pattern.finditer(text))


@functools.cache
def _key_patterns() -> tuple[re.Pattern[str], ...]:
    patterns = [_MORE_KEYS]
    for module, name in _DETECTORS.items():
        detector = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        patterns += [re.compile(p) if isinstance(p, str) else p for p in detector.denylist]
    return tuple(patterns)
