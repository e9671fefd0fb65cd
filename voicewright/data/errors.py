"""Problems with the material: collected, so that all of them are reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# Of one kind; the rest are counted.
MAX_SIMILAR = 5


class Unreadable(Exception):
    """A file, or a row of one, that cannot be used.

    `what` is the end of a sentence that begins with the file's name; `where` is a line or a page, where it is known.
    """

    def __init__(self, what: str, where: str = "") -> None:
        self.what = what
        self.where = where
        super().__init__(what)

    def problem(self, label: str) -> str:
        """The whole sentence: `file:line: what`."""
        return f"{label}{':' if self.where else ''}{self.where}: {self.what}"


@contextmanager
def parsing_foreign_data() -> Iterator[None]:
    """Around code that parses foreign data: data of the wrong form raises Unreadable, since it is no bug of ours."""
    try:
        yield
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise Unreadable(f"is damaged ({error}); save or export it again from the program that wrote it") from None


def condensed(problems: Sequence[str]) -> list[str]:
    """The problems, with those that differ only in their place counted after the first few."""
    counts: dict[str, int] = {}
    listed = []
    for problem in problems:
        kind = re.sub(r"\d+", "n", problem.rpartition("/")[2])
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= MAX_SIMILAR:
            listed.append(problem)
    others = sum(count - MAX_SIMILAR for count in counts.values() if count > MAX_SIMILAR)
    return [*listed, f"and {others} more like these"] if others else listed
