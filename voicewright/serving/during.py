"""Run a command while an arm is served.

    python -m serve.during visions arm=baseline -- python -m benchmarks.generate visions arm=baseline

Starts the server if it is not up, and stops it afterwards only if nobody else asked for it. The command's exit
code is passed on; Ctrl-C and SIGTERM end the command and then the server.
"""

from __future__ import annotations

import sys

from voicewright.cli import arguments
from voicewright.core import processes
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.recipe import recipes
from voicewright.serving import adapters
from voicewright.serving import server as servers
from voicewright.serving.endpoints import check_external


@exits_cleanly
def main() -> None:
    ours, words = split(sys.argv[1:])
    target, options = arguments.parse(__doc__, {"arm": "baseline"}, ours)
    if not words:
        raise UserError("expected a command after --", hint=f"python -m serve.during {target} -- <command>")
    processes.interruptible()
    loaded, arm = recipes.load(target), str(options["arm"])
    if loaded.serve.engine == "external":
        check_external(loaded.serve.url(arm), arm)
        sys.exit(processes.run(words).code)
    if adapters.is_arm(arm):
        server, found = adapters.of_run(loaded)
        started = adapters.ensure(server, found, keep=False)
    else:
        server = servers.of_run(loaded, arm)
        started = servers.ensure(server, keep=False)
    if started:
        print(f"{server.name}: up at {server.root}/v1", flush=True)
    try:
        code = processes.run(words).code
    finally:
        servers.release(server)
    sys.exit(code)


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Our own words and the command, parted by the first `--`."""
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


if __name__ == "__main__":
    main()
