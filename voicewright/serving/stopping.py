"""End the servers that this project started, and nothing else.

Works from the records on disk, so also after a crash of whatever started them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from voicewright.core import processes
from voicewright.serving import server as servers


def stop_servers(runs: Iterable[str] | None = None, port: int | None = None) -> int:
    """End the servers of these runs (None: of all, and of none), or only the one at `port`; how many there were."""
    stopped = 0
    for path in _record_paths(runs):
        record = processes.read(path)
        if record is None or (port and record.get("port") != port):
            continue
        if processes.stop(path, servers.GRACE_S):
            stopped += 1
            print(f"stopped {record.get('name')} on port {record.get('port')} ({owner(path)})")
    if not stopped:
        print("no such server of this project is running")
    return stopped


def print_running() -> None:
    """Print each server that is up, with the command that ends it."""
    running = [path for path in servers.record_paths() if processes.alive(path)]
    for path in running:
        record = processes.read(path) or {}
        command = f"make stop RUN={owner(path)}" if owner(path) else f"make stop PORT={record.get('port')}"
        print(f"{record.get('name')} on port {record.get('port')}: {command}")
    print("all of them: make stop ALL=1" if running else "no server of this project is running")


def owner(path: Path) -> str | None:
    """The run that a record belongs to, None for a server without a run."""
    return path.parent.parent.name if path.parent.name == "children" else None


def _record_paths(runs: Iterable[str] | None) -> Iterator[Path]:
    if runs is None:
        yield from servers.record_paths()
        return
    for run in runs:
        yield from servers.record_paths(run)
