"""Throughput of one vLLM with the base and 1, 4 and 16 adapters: `python -m tests.perf.many_voices`.

Made-up adapters of rank 16 on models/tiny-base; 48 requests of 128 tokens, 16 at once, dealt round the adapters.
Each figure is the best of three rounds, since other work on the machine can only slow one down.
"""

from __future__ import annotations

import itertools
import os
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.serving import tiny_adapter
from voicewright.core import processes
from voicewright.core.paths import REPO_DIR
from voicewright.serving import adapters
from voicewright.serving import server as servers
from voicewright.serving.client import Client, ClientSettings, Failure, Request
from voicewright.serving.server import Server

REQUESTS, AT_ONCE, TOKENS, ROUNDS = 48, 16, 128, 3
COUNTS = (1, 4, 16)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VOICEWRIGHT_HOME"] = folder
        loras = {
            f"voice-{n}": tiny_adapter.write(Path(folder) / f"voice-{n}", rank=16, seed=n) for n in range(max(COUNTS))
        }
        print("| served | models asked | tokens/s | against the plain base |\n|---|---|---|---|")
        plain = measured("base alone, no adapters", server(), ["baseline"], None)
        for count in COUNTS:
            some = dict(itertools.islice(loras.items(), count))
            measured(f"base with {count} adapter(s)", adapters.with_lora(server(), some), list(some), plain, some)
        some = dict(loras)
        room = adapters.with_lora(server(), some)
        measured("base with 16 adapters", room, ["voice-0"], plain, some, "one of 16")


def measured(
    title: str,
    wanted: Server,
    names: Sequence[str],
    plain: float | None,
    loras: adapters.Adapters | None = None,
    asked: str | None = None,
) -> float:
    """Serve, ask, stop; print a row of the table and return tokens a second."""
    if loras:
        adapters.ensure(wanted, loras, keep=True)
    else:
        servers.ensure(wanted, keep=True)
    try:
        speed = max(one_round(wanted, names) for _ in range(ROUNDS + 1))
    finally:
        processes.stop(wanted.record_path, servers.GRACE_S)
    share = f"{speed / plain:.0%}" if plain else "100%"
    print(f"| {title} | {asked or len(names)} | {speed:.0f} | {share} |", flush=True)
    return speed


def one_round(wanted: Server, names: Sequence[str]) -> float:
    """Tokens a second over all requests."""
    requests = [
        Request(names[n % len(names)], TOKENS, prompt="You open the door and", seed=n, sampling={"ignore_eos": True})
        for n in range(REQUESTS)
    ]
    with Client(ClientSettings(wanted.url, concurrency=AT_ONCE)) as client:
        began = time.monotonic()
        failures = [outcome for _, outcome in client.answers(requests) if isinstance(outcome, Failure)]
        assert not failures, failures
        return client.output_tokens / (time.monotonic() - began)


def server() -> Server:
    """A server of the embedded base on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Server(
        name="baseline",
        model=str(REPO_DIR / "models" / "tiny-base"),
        port=port,
        arguments={"dtype": "float32"},
        port_is_fixed=True,
    )


if __name__ == "__main__":
    main()
