"""Progress of long work: a bar or a line that is rewritten on a terminal, plain lines or nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")

# Fewer are done before a bar could be read.
FEWEST = 8
PLAIN_LINE_EVERY_S = 10.0


def each(items: Sequence[T], what: str) -> Iterator[T]:
    """The items one by one, shown as they go by."""
    return shown(items, len(items), what)


def shown(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Items of which `total` are expected."""
    console = Console(stderr=True)
    hidden = total < FEWEST or not console.is_terminal
    yield from track(items, total=total, description=what, console=console, transient=True, disable=hidden)


def counter(label: str, total: int) -> Callable[[object], None]:
    """A function to call for each of `total` pieces; prints count and time left to standard error.

    On a terminal one line is rewritten; elsewhere a line is printed every PLAIN_LINE_EVERY_S seconds and at the end.
    """
    began = last = time.monotonic()
    done = 0
    terminal = sys.stderr.isatty()

    def step(_: object) -> None:
        nonlocal done, last
        done += 1
        now = time.monotonic()
        if done < total and now - last < (0.2 if terminal else PLAIN_LINE_EVERY_S):
            return
        last = now
        left_s = (now - began) / done * (total - done)
        text = f"{label}: {done} of {total}" + (f", {left_s:.0f} s left" if left_s >= 1 else "")
        if terminal:
            print(f"\r\x1b[K{text}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    return step
