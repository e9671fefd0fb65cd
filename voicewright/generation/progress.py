"""A line that says how far a long piece of work is: rewritten in a terminal, now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

PLAIN_EVERY_S = 10.0


def line(label: str, total: int, unit: str = "") -> Callable[[Any], None]:
    """A function to call for each piece done; prints count, rate and time left to standard error."""
    began = last = time.monotonic()
    done = 0
    terminal = sys.stderr.isatty()

    def step(_: Any) -> None:
        nonlocal done, last
        done += 1
        now = time.monotonic()
        if done < total and now - last < (0.2 if terminal else PLAIN_EVERY_S):
            return
        last = now
        left = (now - began) / done * (total - done)
        text = f"{label}: {done} of {total}{' ' + unit if unit else ''}" + (f", {left:.0f} s left" if left >= 1 else "")
        if terminal:
            print(f"\r\x1b[K{text}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    return step
