"""One way to tell a user what went wrong and how to fix it."""

from __future__ import annotations

import difflib
import functools
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn


class UserError(Exception):
    """A mistake that the user can fix: shown without a traceback, exit code 2.

    `problems` are full sentences that name where (file:line or key) and what was expected;
    `hint` is the command or edit that puts it right.
    """

    def __init__(self, problems: str | Iterable[str], hint: str | None = None) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = list(self.problems)
        if self.hint:
            lines.append(f"Hint: {self.hint}")
        return "\n".join(lines)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean X?` for the known word most like `word`, or nothing."""
    closest = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean {closest[0]}?" if closest else ""


def notice(message: str) -> None:
    """Say something the user should know on standard error, so that output stays parseable."""
    print(f"note: {message}", file=sys.stderr, flush=True)


def exits_cleanly(main: Callable[[], None]) -> Callable[[], NoReturn]:
    """Wrap a script's main: a UserError becomes one message and exit code 2, Ctrl-C exit code 130.

    Anything else is a bug in this project and keeps its traceback.
    """

    @functools.wraps(main)
    def wrapped() -> NoReturn:
        try:
            main()
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on from here", file=sys.stderr)
            sys.exit(130)
        sys.exit(0)

    return wrapped
