"""What sources are made into. A shape is a module, found by being here: `make(context)` gives a source's rows.

Its folder says which rows those are, as data/ has them and Axolotl reads them: completion, chat or preference.
"""

from __future__ import annotations

from importlib import import_module

from voicewright.data.pieces import Context, Made


def make(context: Context) -> Made:
    """The rows of a source, by its shape."""
    module = import_module(f"{__name__}.{context.source.row_shape}.{context.source.shape}")
    made: Made = module.make(context)
    return made
