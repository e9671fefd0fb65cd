"""Plain rates of a passage, each shown beside the author's own. A rate is a module, found by being here.

Its docstring is the definition that the report gives; TITLE, UNIT and BETTER say how it is shown (BETTER: author for
what should be as the author has it, higher, lower); `read(passage)` is the rate, not a number where there is none.
"""

from __future__ import annotations

import functools
import pkgutil
from importlib import import_module
from types import ModuleType


@functools.cache
def rates() -> dict[str, ModuleType]:
    """The rates, by their names in voice.json."""
    return {each.name: import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)}


def definition(rate: ModuleType) -> str:
    """What it is, in words that a writer understands."""
    return " ".join((rate.__doc__ or "").split())
