"""Serve an arm while something is done with it.

    python -m serve.during visions arm=baseline -- python -m benchmarks.generate visions arm=baseline

Starts the server if it is not up, and stops it afterwards only if nobody else asked for it. The command's exit
code is passed on; Ctrl-C and SIGTERM end the command and then the server.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from voicewright.cli import arguments
from voicewright.core import processes
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.serving import adapters
from voicewright.serving import server as servers
from voicewright.serving.endpoints import check_external


@contextmanager
def served(recipe: Recipe, arm: str | None) -> Iterator[None]:
    """Have an arm of a run served inside the block; `arm`: baseline | finetuned | checkpoints, None for none.

    A server that is already up, or that somebody else uses, stays up. Raises UserError where none can be had.
    """
    if arm is None:
        yield
        return
    if recipe.serve.engine == "external":
        check_external(recipe.serve.url(arm), arm)
        yield
        return
    if adapters.is_arm(arm):
        server, adapter_dirs = adapters.of_run(recipe)
        started = adapters.ensure(server, adapter_dirs, keep=False)
    else:
        server = servers.of_run(recipe, arm)
        started = servers.ensure(server, keep=False)
    if started:
        print(f"{server.name}: up at {server.root}/v1", flush=True)
    try:
        yield
    finally:
        servers.release(server)


@exits_cleanly
def main() -> None:
    ours, words = split(sys.argv[1:])
    target, options = arguments.parse(__doc__, {"arm": "baseline"}, ours)
    if not words:
        raise UserError("expected a command after --", hint=f"python -m serve.during {target} -- <command>")
    processes.interruptible()
    with served(recipes.load(target), str(options["arm"])):
        code = processes.run(words).code
    sys.exit(code)


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Our own words and the command, parted by the first `--`."""
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


if __name__ == "__main__":
    main()
