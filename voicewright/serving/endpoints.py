"""Starting and stopping endpoints: those of a run, of any model folder, or one while something else is done."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from voicewright.core import processes
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.serving import adapters
from voicewright.serving import server as servers
from voicewright.serving.server import Server, Started


def up(run: Run, arm: str = "both", *, port: int | None = None) -> list[Server]:
    """Serve a run's arms until `down`; print where each is and how to try it.

    `arm` is baseline, finetuned, both, or checkpoints for all adapters of the run in one server. An external endpoint
    is only checked. Raises UserError where something cannot be served.
    """
    recipe = recipes.load(run.name)
    arms = list(servers.ARMS) if arm == "both" else [arm]
    if recipe.serve.engine == "external":
        for each in arms:
            check_external(recipe.serve.url(each), each)
        return []
    if port and len(arms) > 1:
        hint = f"make serve RUN={run.name} ARM=baseline PORT={port}"
        raise UserError("PORT names one port, and two arms need two", hint=hint)
    if adapters.is_arm(arm):
        return [_keep_adapters_up(*adapters.of_run(recipe, port))]
    listed = [servers.of_run(recipe, each, port) for each in arms]
    return _keep_up(servers.share_accelerators(listed, recipe.hardware.devices))


def up_folder(folder: str, *, port: int | None = None, name: str | None = None) -> Server:
    """Serve the model in a folder until `down`, under `name` or the folder's. Raises UserError where it has none."""
    return _keep_up([servers.of_path(folder, port, name)])[0]


def up_adapters(runs: Sequence[str], *, port: int | None = None) -> Server:
    """Serve several runs' adapters on their common base until `down`. Raises UserError where they have none."""
    names = list(dict.fromkeys(runs))
    if not names:
        raise UserError("expected the names of runs, with commas between them")
    return _keep_adapters_up(*adapters.of_runs(names, port))


def down(runs: Iterable[Run] | None = None, *, port: int | None = None) -> int:
    """Stop the servers of these runs (None: of all runs, and of none), or only the one at `port`; print each.

    Works from the records on disk, so also after a crash of whatever started them. Returns how many there were.
    """
    paths = servers.record_paths() if runs is None else [path for run in runs for path in servers.record_paths(run)]
    stopped = 0
    for path in paths:
        record = servers.read_record(path)
        if record is not None and port in (None, record.port) and processes.stop(path, servers.GRACE_S):
            stopped += 1
            run = servers.owner(path)
            print(f"stopped {record.name} on port {record.port} ({f'run {run}' if run else 'no run'})")
    if not stopped:
        print("no such server of this project is running")
    return stopped


def print_running() -> None:
    """Print each server that is up, with the command that stops it."""
    records = {path: servers.live_record(path) for path in servers.record_paths()}
    for path, record in records.items():
        if record is not None:
            print(f"{record.name} on port {record.port}: {servers.stop_command(path, record.port)}")
    print("all of them: make stop ALL=1" if any(records.values()) else "no server of this project is running")


@contextmanager
def while_served(recipe: Recipe, arm: str) -> Iterator[str]:
    """Serve an arm while the block runs; gives the base URL at which it answers.

    The server is started if it is not up, and stopped afterwards only if nobody else asked for it. Raises UserError as
    `server.ensure` does, and where an external endpoint does not answer.
    """
    if recipe.serve.engine == "external":
        check_external(recipe.serve.url(arm), arm)
        yield recipe.serve.url(arm)
        return
    if adapters.is_arm(arm):
        server, folders = adapters.of_run(recipe)
        started = adapters.ensure(server, folders, keep=False)
    else:
        started = servers.ensure(servers.of_run(recipe, arm), keep=False)
    if started.is_new:
        print(f"{started.server.name}: up at {started.server.url}", flush=True)
    try:
        yield started.server.url
    finally:
        servers.release(started.server)


def check_external(url: str, arm: str) -> None:
    """Say that somebody else's endpoint answers. Raises UserError where it does not."""
    if not servers.answers(url):
        raise UserError(
            f"{arm}: nothing answers at {url}, where serve.engine=external expects an OpenAI-compatible server",
            hint="start it, or correct serve.baseline_url or serve.finetuned_url in the recipe",
        )
    print(f"{arm}: answers at {url}")


def _keep_up(listed: list[Server]) -> list[Server]:
    """Start what is not up yet, one after another, and print where each is."""
    # Two servers loading at once need twice the memory's peak and are no sooner ready.
    shares = servers.processor_halves() if len(listed) == 2 else (None,)
    running = []
    for server, cpus in zip(listed, shares, strict=True):
        began = time.monotonic()
        started = servers.ensure(server, keep=True, cpus=cpus)
        running.append(started.server)
        print(f"{server.name}: {_state(started, began)} at {started.server.url}  ({server.model})")
        print(f"  {_curl(started.server, server.name)}")
    for command in dict.fromkeys(server.stop_command for server in running):
        print(f"stop: {command}")
    return running


def _keep_adapters_up(server: Server, folders: adapters.Adapters) -> Server:
    began = time.monotonic()
    started = adapters.ensure(server, folders, keep=True)
    state = _state(started, began)
    print(f"{', '.join(folders)}: {state} at {started.server.url}  (adapters of {server.model})")
    print(f"  {_curl(started.server, next(iter(folders)))}")
    print(f"stop: {started.server.stop_command}")
    return started.server


def _state(started: Started, began: float) -> str:
    return f"up after {time.monotonic() - began:.0f} s" if started.is_new else "already up"


def _curl(server: Server, name: str) -> str:
    """A command that shows the endpoint at work."""
    body = json.dumps({"model": name, "prompt": "You open the door", "max_tokens": 60})
    return f"curl {server.url}/completions -H 'Content-Type: application/json' -d '{body}'"
