"""The unit of memory and disk in every setting, estimate and message."""

from __future__ import annotations

GB = 2**30
"""Bytes in what is called a GB here, as an accelerator's memory is counted and named (a 24 GB card)."""
