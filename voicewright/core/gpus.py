"""The NVIDIA cards of this machine, as its driver tells them."""

from __future__ import annotations

import subprocess
from typing import NamedTuple

from voicewright.core.units import GB

QUERY = ["nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
MIB = 2**20


class Card(NamedTuple):
    """One accelerator and its memory in bytes."""

    name: str
    total: int
    free: int

    @property
    def told(self) -> str:
        """Name and memory, for people."""
        return f"{self.name}, {self.total / GB:.0f} GB"


def cards() -> list[Card]:
    """Every card; none where nvidia-smi does not answer."""
    try:
        said = subprocess.run(QUERY, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in said.splitlines()]
    return [
        Card(name, int(total) * MIB, int(free) * MIB)
        for name, total, free in (row for row in rows if len(row) == 3)
        if total.isdigit() and free.isdigit()
    ]
