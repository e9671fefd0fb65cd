"""Control tokens of the model that a text happens to spell: it would read them as commands, not as words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from voicewright.data.errors import Unreadable

# Spelt like this they are no writer's words, whatever model comes after.
_ANY_MODEL = re.compile(r"<\|[a-z_]{3,30}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>", re.IGNORECASE)


def pattern(tokens: Iterable[str]) -> re.Pattern[str]:
    """Matches the model's own control tokens, and those of any other."""
    own = "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True) if len(token) > 2)
    return re.compile(f"{own}|{_ANY_MODEL.pattern}" if own else _ANY_MODEL.pattern, re.IGNORECASE)


def without(text: str, tokens: re.Pattern[str], *, remove: bool) -> tuple[str, int]:
    """The text without control tokens, and how many there were. Raises Unreadable at the first unless `remove`."""
    first = tokens.search(text)
    if first is None:
        return text, 0
    if not remove:
        raise Unreadable(
            f"spells {first[0]!r}, which the model reads as a command and not as words; take it out, "
            "or set data.special_tokens=remove"
        )
    return tokens.subn("", text)
