"""What this machine has, what is missing, and the command that puts it right."""

from __future__ import annotations

import ctypes.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from rich.console import Console
from rich.table import Table

from voicewright.core import environments
from voicewright.core.gpus import cards
from voicewright.core.paths import REPO_DIR, free_gb
from voicewright.core.units import GB

DISK_GB = 12  # three environments and the demo; a full-size recipe says what it needs


@dataclass(frozen=True)
class Finding:
    """One thing that a run depends on: whether it is as needed, what it is, and the fix where it is not."""

    name: str
    is_ok: bool
    description: str
    hint: str = ""


def findings() -> Iterator[Finding]:
    """Everything a run depends on, in the order in which it is needed."""
    version = sys.version_info
    yield Finding("python", (3, 11) <= version < (3, 13), sys.version.split()[0], "install Python 3.11 or 3.12")
    accelerator = environments.accelerator()
    described = "; ".join([accelerator, *(card.label for card in cards())])
    yield Finding("accelerator", True, f"{described} (ACCEL=cpu or ACCEL=cuda forces one)")
    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / GB
    yield Finding("machine", memory >= 6, f"{cores} cores, {memory:.0f} GB of memory", "the demo needs 6 GB")
    free = free_gb()
    yield Finding(
        "disk", free >= DISK_GB, f"{free:.0f} GB free", f"free {DISK_GB} GB, or VOICEWRIGHT_HOME=<a larger disk>"
    )
    for name in environments.NAMES:
        pins = environments.requirements_path(name).name
        built = environments.is_built(name)
        yield Finding(f"{name} environment", built, f"{'as' if built else 'not as'} requirements/{pins}", "make setup")
    if accelerator == "cpu":
        library = ctypes.util.find_library("numa")
        yield Finding("libnuma", bool(library), library or "not installed", "apt-get install libnuma1 (vLLM on a CPU)")
    base = REPO_DIR / "models" / "tiny-base" / "model.safetensors"
    yield Finding("embedded model", base.is_file(), str(base.relative_to(REPO_DIR)), "git checkout models/tiny-base")


def print_findings() -> int:
    """Print the findings as a table; the exit code: 2 where something is missing."""
    table = Table("", "", "what there is", "fix")
    listed = list(findings())
    for finding in listed:
        table.add_row(
            "ok" if finding.is_ok else "!!", finding.name, finding.description, "" if finding.is_ok else finding.hint
        )
    Console().print(table)
    return 0 if all(finding.is_ok for finding in listed) else 2
