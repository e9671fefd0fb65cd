"""Progress of long work: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")

# Fewer are done before a bar could be read.
FEWEST = 8


def each(items: Sequence[T], what: str) -> Iterator[T]:
    """The items one by one, shown as they go by."""
    return shown(items, len(items), what)


def shown(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Items of which `total` are expected."""
    console = Console(stderr=True)
    hidden = total < FEWEST or not console.is_terminal
    yield from track(items, total=total, description=what, console=console, transient=True, disable=hidden)
