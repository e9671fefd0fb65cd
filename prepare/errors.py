"""A file that cannot be used, whatever the reason: collected, so that all of them are told at once."""

from __future__ import annotations


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
