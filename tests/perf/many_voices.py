"""Throughput of one vLLM with the base and 1, 4 and 16 adapters: `python -m tests.perf.many_voices`.

Made-up adapters of rank 16 on models/tiny-base; 48 requests of 128 tokens, 16 at once, dealt round the adapters.
Each figure is the best of three rounds, since other work on the machine can only slow one down.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import openai

from tests.serving import tiny_adapter
from voicewright.core import processes
from voicewright.core.paths import REPO_DIR
from voicewright.serving import adapters
from voicewright.serving import server as servers
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
        plain = measured("base alone, no adapters", server(folder), ["baseline"], None)
        for count in COUNTS:
            some = dict(itertools.islice(loras.items(), count))
            measured(f"base with {count} adapter(s)", adapters.with_lora(server(folder), some), list(some), plain, some)
        some = dict(loras)
        room = adapters.with_lora(server(folder), some)
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
        speed = max(asyncio.run(one_round(wanted, names)) for _ in range(ROUNDS + 1))
    finally:
        processes.stop(wanted.record_path, servers.GRACE_S)
    share = f"{speed / plain:.0%}" if plain else "100%"
    print(f"| {title} | {asked or len(names)} | {speed:.0f} | {share} |", flush=True)
    return speed


async def one_round(wanted: Server, names: Sequence[str]) -> float:
    """Tokens a second over all requests."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with openai.AsyncOpenAI(base_url=f"{wanted.root}/v1", api_key="none") as client:

        async def one(n: int) -> int:
            async with gate:
                answer = await client.completions.create(
                    model=names[n % len(names)],
                    prompt="You open the door and",
                    max_tokens=TOKENS,
                    seed=n,
                    extra_body={"ignore_eos": True},
                )
                return answer.usage.completion_tokens if answer.usage else 0

        began = time.monotonic()
        tokens = sum(await asyncio.gather(*(one(n) for n in range(REQUESTS))))
        return tokens / (time.monotonic() - began)


def server(folder: str) -> Server:
    """A server of the embedded base on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Server(
        name="baseline",
        model=str(REPO_DIR / "models" / "tiny-base"),
        port=port,
        record_path=Path(folder) / f"{port}.json",
        log_path=Path(folder) / f"{port}.log",
        arguments={"dtype": "float32"},
    )


if __name__ == "__main__":
    main()
