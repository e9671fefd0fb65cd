"""The shape `completion`: a manuscript's own passages, raw."""

from voicewright.data.manuscript import make

__all__ = ["make"]
