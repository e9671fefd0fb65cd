"""Progress of long work: a bar on a terminal, a plain line every few seconds elsewhere or with VOICEWRIGHT_QUIET."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

# Fewer are done before a bar could be read.
MIN_ITEMS = 8
PLAIN_LINE_EVERY_S = 10.0


def each(items: Sequence[T], label: str) -> Iterator[T]:
    """The items one by one, with their progress shown; not for fewer than MIN_ITEMS."""
    yield from tracked(items, len(items), label)


def tracked(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Items of which `total` are expected."""
    if total < MIN_ITEMS:
        yield from items
        return
    with bar(label, total) as advance:
        for item in items:
            yield item
            advance(item)


@contextmanager
def bar(label: str, total: int) -> Iterator[Callable[[object], None]]:
    """A function to call after each of `total` pieces of work (with the piece, which is not looked at).

    Everything is written to standard error, so that output stays parseable.
    """
    if sys.stderr.isatty() and not os.environ.get("VOICEWRIGHT_QUIET"):
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(label, total=total)
            yield lambda _piece: progress.advance(task)
    else:
        yield _plain_lines(label, total)


def _plain_lines(label: str, total: int) -> Callable[[object], None]:
    began = last = time.monotonic()
    done = 0

    def advance(_piece: object) -> None:
        nonlocal done, last
        done += 1
        now = time.monotonic()
        if now - last < PLAIN_LINE_EVERY_S:
            return
        last = now
        remaining_s = (now - began) / done * (total - done)
        print(f"{label}: {done} of {total}, {remaining_s:.0f} s left", file=sys.stderr, flush=True)

    return advance
