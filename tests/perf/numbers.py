"""The command line of the benchmarks here: `key=number` words."""

from __future__ import annotations

from collections.abc import Sequence


def numbers(words: Sequence[str]) -> dict[str, int]:
    """The numbers by their keys."""
    return {key: int(value) for key, _, value in (word.partition("=") for word in words)}
