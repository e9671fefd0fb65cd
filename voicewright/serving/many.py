"""Serve many runs' voices on the one base that they share.

    python -m serve.many visions,brie,modes
    python -m serve.many visions,brie,modes port=8004

Each run's adapter answers under the run's name, the base under `baseline`. Called again with other runs, adapters
are loaded and unloaded while the server runs.
"""

from __future__ import annotations

import time

from voicewright.cli import arguments
from voicewright.core import processes
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.serving import adapters
from voicewright.serving.endpoints import as_port, curl_line


@exits_cleanly
def main() -> None:
    words, options = arguments.parse(__doc__, {"port": None}, name="RUN,RUN,...")
    names = list(dict.fromkeys(word for word in words.split(",") if word))
    if not names:
        raise UserError("expected the names of runs, with commas between them")
    processes.interruptible()
    server, found = adapters.of_runs(names, as_port(options["port"]))
    began = time.monotonic()
    started = adapters.ensure(server, found, keep=True)
    print(
        f"{', '.join(found)}: {'up' if started else 'ready'} after {time.monotonic() - began:.0f} s at {server.root}/v1"
    )
    print(f"  {curl_line(server.root + '/v1', names[0])}")
    print(f"stop: {server.down}")


if __name__ == "__main__":
    main()
