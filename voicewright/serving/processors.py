"""The processors that this process may use, and who takes which."""

from __future__ import annotations

import os


def halves() -> tuple[list[int], list[int]]:
    """In two halves, for two servers at once; where there is one, both have it."""
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]
    middle = max(1, len(cpus) // 2)
    return cpus[:middle], cpus[middle:] or cpus
