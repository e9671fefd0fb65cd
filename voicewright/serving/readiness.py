"""Is a server ready, how far is it, and why did it end?"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voicewright.core import processes
from voicewright.core.errors import UserError

REPORT_EVERY_S = 15.0
WAYS_OUT = {
    "out of memory": "one model at a time (arm=baseline), the base with its adapter in one server (arm=checkpoints), "
    "a lower vllm.gpu_memory_utilization or vllm.max_model_len, or stop what else uses the GPU",
    "no available memory for the cache blocks": "a lower vllm.max_model_len, or a higher vllm.gpu_memory_utilization",
    "free memory on device": "a lower vllm.gpu_memory_utilization, or stop what else uses the GPU",
    "libnuma": "install libnuma1 (Debian, Ubuntu: apt-get install libnuma1)",
    "head size": "vLLM has no kernel for this model's head size; serve it with other software: serve=external",
    "gated repo": "accept the model's licence at the hub and set HF_TOKEN",
    "unrecognized arguments": "a key under vllm: that this vLLM does not know",
    "address already in use": "another port: serve.baseline_port, serve.finetuned_port",
}


@dataclass(frozen=True)
class Waiting:
    """What is waited for."""

    name: str
    root: str
    """The address without /v1."""
    log_path: Path
    timeout_s: float


def answers(root: str, timeout_s: float = 2.0) -> bool:
    """Is a server ready there? vLLM says so at /health; others at least list their models."""
    return any(_get(root + path, timeout_s) is not None for path in ("/health", "/v1/models"))


def models(root: str, timeout_s: float = 5.0) -> list[str]:
    """The names of the models that a server offers; empty where it does not say."""
    try:
        body = json.loads(_get(root + "/v1/models", timeout_s) or "{}")
        return [str(model["id"]) for model in body.get("data", [])]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def wait(server: Waiting, exit_code: Callable[[], int | None]) -> None:
    """Wait until the server answers, telling how far it is. Raises UserError when it ends or takes too long."""
    began = told = time.monotonic()
    while not (answers(server.root) and server.name in models(server.root)):
        code = exit_code()
        if code is not None:
            raise _failure(server, f"{server.name}: the server ended while it was loading (exit code {code})")
        if time.monotonic() - began > server.timeout_s:
            raise _failure(
                server,
                f"{server.name}: not ready after {server.timeout_s:.0f} s",
                "a longer serve.ready_timeout_s, if the log shows that it was still loading",
            )
        if time.monotonic() - told >= REPORT_EVERY_S:
            told = time.monotonic()
            print(f"{server.name}: loading, {told - began:.0f} s: {_phase(server.log_path)}", flush=True)
        elif sys.stdout.isatty():
            print(f"\r\x1b[K{server.name}: loading, {time.monotonic() - began:.0f} s", end="", flush=True)
        time.sleep(0.25)
    if sys.stdout.isatty():
        print("\r\x1b[K", end="", flush=True)


def _failure(server: Waiting, what: str, way_out: str | None = None) -> UserError:
    lines = processes.tail(server.log_path)
    text = "\n".join(lines).lower()
    found = [advice for words, advice in WAYS_OUT.items() if words in text]
    return UserError(
        [what, *(f"  {line}" for line in lines), f"The whole log: {server.log_path}"],
        hint=way_out or "; ".join(found) or "what the log names; then the same command again",
    )


def _phase(log_path: Path) -> str:
    """The last thing that the log says, without its prefix."""
    lines = log_path.read_text(errors="replace").splitlines() if log_path.exists() else []
    return lines[-1].rpartition("] ")[2].rpartition("\r")[2][:100] if lines else "starting"


def _get(url: str, timeout_s: float) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as response:  # noqa: S310  http(s) URLs of the recipe
            body: bytes = response.read()
            return body.decode("utf-8", "replace")
    except (urllib.error.URLError, OSError, ValueError):
        return None
