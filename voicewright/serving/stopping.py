"""Stop the servers that this project started, and nothing else.

    python -m serve.down                 all of them
    python -m serve.down visions         those of a run
    python -m serve.down port=8002       the one at a port

Works from the records on disk, so also after a crash of whatever started them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from voicewright.cli import arguments
from voicewright.core import processes
from voicewright.core.errors import exits_cleanly
from voicewright.serving import server as servers
from voicewright.serving.endpoints import as_port


@exits_cleanly
def main() -> None:
    named = any("=" not in word for word in sys.argv[1:])
    run, options = arguments.parse(__doc__, {"port": None}, name="RUN" if named else None)
    port = as_port(options["port"])
    stopped = 0
    for path in servers.record_paths(run or None):
        record = processes.read(path)
        if record is None or (port and record.get("port") != port):
            continue
        if processes.stop(path, servers.GRACE_S):
            stopped += 1
            print(f"stopped {record.get('name')} on port {record.get('port')} ({owner(path)})")
    if not stopped:
        print("no server of this project is running" + (f" for {run}" if run else ""))


def owner(path: Path) -> str:
    """The run that a record belongs to."""
    return path.parent.parent.name if path.parent.name == "children" else "no run"


if __name__ == "__main__":
    main()
