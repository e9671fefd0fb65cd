"""What a model or a machine cannot do, applied to a composed recipe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Tree = dict[str, Any]

# Axolotl ends each row of raw text with one token of its own and may begin it with another.
SPECIAL_TOKENS = 2
# A range of chunk lengths this wide (as max/min) leaves the chunker room to end at a paragraph.
LEAST_RANGE = 2


def get(tree: Tree, key: str) -> Any:
    """The value at a dotted key, None where it or a parent is absent."""
    value: Any = tree
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def put(tree: Tree, key: str, value: Any) -> None:
    """Set the value at a dotted key, making the mappings on the way."""
    *parents, last = key.split(".")
    for part in parents:
        tree = tree.setdefault(part, {})
    tree[last] = value


def apply(tree: Tree, explicit: Iterable[str]) -> tuple[list[str], list[str]]:
    """Bring `tree` within its `limits:` in place; return notices and refusals.

    A value that the recipe chose is brought down with a notice that names both values; one in `explicit`
    (dotted keys that the user set for this run) is refused, because the user meant it.
    """
    explicit = set(explicit)
    notices: list[str] = []
    refused: list[str] = []

    def settle(key: str, value: Any, allowed: Any, why: str) -> None:
        if key in explicit and not why.startswith("method "):
            refused.append(f"SET: {key}={value} is out of reach: {why} allows {allowed}")
        elif key not in explicit:
            put(tree, key, allowed)
            if value is not None:
                notices.append(f"{key}: {value} -> {allowed} ({why})")

    for origin in ("method", "model", "hardware"):
        limit = get(tree, f"limits.{origin}") or {}
        owner = get(tree, f"{origin}.name") or get(tree, origin)
        for key, most in (limit.get("at_most") or {}).items():
            value = get(tree, key)
            if _is_number(value) and value > most:
                settle(key, value, most, f"{origin} {owner}")
        for key, least in (limit.get("at_least") or {}).items():
            value = get(tree, key)
            if _is_number(value) and value < least:
                settle(key, value, least, f"{origin} {owner}")
        for key, only in (limit.get("must_be") or {}).items():
            value = get(tree, key)
            if value != only:
                settle(key, value, only, f"{origin} {owner}")
        for key, replaced in (limit.get("instead") or {}).items():
            value = get(tree, key)
            if isinstance(value, str) and value in replaced:
                settle(key, value, replaced[value], f"{origin} {owner}")
    _fit_chunks(tree, settle)
    return notices, refused


def _fit_chunks(tree: Tree, settle: Any) -> None:
    """Chunks fit the sequence, special tokens included, and their bounds keep a usable range."""
    sequence, most, least = (get(tree, k) for k in ("axolotl.sequence_len", "data.max_tokens", "data.min_tokens"))
    if not (_is_number(sequence) and _is_number(most)):
        return
    room = int(sequence) - SPECIAL_TOKENS
    if most > room:
        settle("data.max_tokens", most, room, f"axolotl.sequence_len {sequence} less special tokens")
        most = room
    if _is_number(least) and least * LEAST_RANGE > most:
        settle("data.min_tokens", least, max(1, most // (2 * LEAST_RANGE)), f"data.max_tokens {most}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
