"""Books in their formats, read into paragraphs of Markdown (why which library: docs/reference/readers.md).

A format of its own is a module here, found by being here: `reads(path, head)` says by a file's first bytes whether it
is one of its, `paragraphs(path)` gives its text; where the format has pages, `paged(path)` gives the page of each too.
"""

from __future__ import annotations

import functools
import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType


@functools.cache
def formats() -> dict[str, ModuleType]:
    """The readers, by the name of their format."""
    names = [each.name for each in pkgutil.iter_modules(__path__)]
    found = {name: import_module(f"{__name__}.{name}") for name in names}
    return {name: module for name, module in found.items() if hasattr(module, "reads")}


def read(name: str, path: Path) -> tuple[list[str], list[int]]:
    """The paragraphs of a file, and the page (from 1) on which each begins where the format has pages."""
    reader = formats()[name]
    return reader.paged(path) if hasattr(reader, "paged") else (reader.paragraphs(path), [])
