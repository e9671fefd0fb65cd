"""Start the endpoints of a run, or of any model folder, on this machine.

python -m serve.up visions                    baseline on 8000, fine-tuned on 8002
python -m serve.up visions arm=baseline       before anything is trained
python -m serve.up merged_models/visions port=8002
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from voicewright.cli import arguments
from voicewright.core import processes
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.recipe import recipes
from voicewright.serving import adapters, gpu_sharing, processors, readiness
from voicewright.serving import server as servers
from voicewright.serving.server import Server

DEFAULT_PORT = 8002


def is_folder(target: str) -> bool:
    """A model folder rather than the name of a run?"""
    return "/" in target or (Path(target) / "config.json").exists()


@exits_cleanly
def main() -> None:
    target, options = arguments.parse(__doc__, {"arm": "both", "port": None, "name": None}, name="RUN|PATH")
    processes.interruptible()
    port = as_port(options["port"])
    if is_folder(target):
        bring_up([servers.of_path(target, port or DEFAULT_PORT, options["name"])])
        return
    loaded = recipes.load(target)
    arms = list(servers.ARMS) if options["arm"] == "both" else [str(options["arm"])]
    if loaded.serve.engine == "external":
        for arm in arms:
            check_external(loaded.serve.url(arm), arm)
        return
    if port and len(arms) > 1:
        raise UserError("port= names one port, and two arms need two", hint="arm=baseline or arm=finetuned with it")
    if adapters.is_arm(arms[0]):
        server, found = adapters.of_run(loaded)
        adapters.ensure(server, found, keep=True)
        print(f"{', '.join(found)}: up at {server.root}/v1  (adapters of {server.model})")
        print(f"  {curl_line(server.root + '/v1', next(iter(found)))}")
        print(f"stop: {server.down}")
        return
    wanted = [servers.of_run(loaded, arm, port) for arm in arms]
    bring_up(gpu_sharing.sharing(wanted, loaded.hardware.devices))


def bring_up(wanted: list[Server]) -> None:
    """Start what is not up yet, one after another, and say where each is."""
    # Two servers loading at once need twice the memory's peak and are no sooner ready.
    shares = processors.halves() if len(wanted) == 2 else (None,)
    for server, cpus in zip(wanted, shares, strict=True):
        began = time.monotonic()
        started = servers.ensure(server, keep=True, cpus=cpus)
        state = f"up after {time.monotonic() - began:.0f} s" if started else "already up"
        print(f"{server.name}: {state} at {server.root}/v1  ({server.model})")
        print(f"  {curl_line(server.root + '/v1', server.name)}")
    print(f"stop: {wanted[0].down}")


def check_external(url: str, arm: str) -> None:
    """Say that somebody else's endpoint answers. Raises UserError where it does not."""
    if not readiness.answers(url.removesuffix("/v1")):
        raise UserError(
            f"{arm}: nothing answers at {url}, where serve.engine=external expects an OpenAI-compatible server",
            hint="start it, or correct serve.baseline_url or serve.finetuned_url in the recipe",
        )
    print(f"{arm}: answers at {url}")


def as_port(text: str | None) -> int | None:
    """A port number. Raises UserError."""
    if text is None:
        return None
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise UserError(f"port={text}: expected a number from 1 to 65535")
    return int(text)


def curl_line(url: str, name: str) -> str:
    """A command that shows the endpoint at work."""
    body = json.dumps({"model": name, "prompt": "You open the door", "max_tokens": 60})
    return f"curl {url}/completions -H 'Content-Type: application/json' -d '{body}'"


if __name__ == "__main__":
    main()
