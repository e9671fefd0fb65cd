"""A file that cannot be used, whatever the reason: collected, so that all of them are told at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Unreadable(Exception):
    """What is wrong with one file, as the end of a sentence that begins with its name.

    `where` is a line or a page, where that is known.
    """

    def __init__(self, what: str, where: str = "") -> None:
        self.what = what
        self.where = where
        super().__init__(what)

    def told(self, label: str) -> str:
        """The whole sentence: `file:line: what`."""
        return f"{label}{':' if self.where else ''}{self.where}: {self.what}"


@contextmanager
def others_wrote_it() -> Iterator[None]:
    """Around what takes a foreign file apart: a part of the wrong kind makes it Unreadable, and is no bug of ours."""
    try:
        yield
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise Unreadable(f"is damaged ({error}); save or export it again from the program that wrote it") from None
