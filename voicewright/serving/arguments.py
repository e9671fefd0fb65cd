"""vLLM's command line and environment, from the recipe's `vllm:` block in vLLM's own names."""

from __future__ import annotations

import json
import os
from pathlib import Path

from voicewright.core import environments
from voicewright.core.documents.serving import VllmArguments

# vLLM 0.32's flags without a --no- form: false is said by leaving them out.
PLAIN_FLAGS = frozenset(
    {"aggregate_engine_logging", "data_parallel_multi_port_external_lb", "disable_log_stats", "grpc", "headless"}
)

# What a CPU needs whatever the recipe's hardware is called; the recipe's own values win.
CPU_DEFAULTS = {
    # Compiling costs half a minute that a small model never earns back.
    "enforce_eager": True,
    # vLLM 0.32 rewinds the generator of a seeded request whose prompt is read in parts, which torch's CPU
    # generator cannot do ("CPU Generator does not use offset"): the engine dies at the first crowded batch.
    "enable_chunked_prefill": False,
}


def as_flags(arguments: VllmArguments) -> list[str]:
    """Arguments as command-line words: `max_model_len: 8` is --max-model-len 8; true and false are --x and --no-x.

    Given on the command line, not with `--config`, which drops `some_flag: false`. None leaves vLLM's default.
    """
    words: list[str] = []
    for key, value in arguments.items():
        flag = "--" + key.replace("_", "-")
        if value is None:
            continue
        if value is True:
            words.append(flag)
        elif value is False:
            words += [] if key in PLAIN_FLAGS else ["--no-" + flag[2:]]
        elif isinstance(value, list):
            words += [flag, *(str(item) for item in value)]
        elif isinstance(value, dict):
            words += [flag, json.dumps(value)]
        else:
            words += [flag, str(value)]
    return words


def command(python: Path, model: str, name: str, host: str, port: int, arguments: VllmArguments) -> list[str]:
    """The command that serves `model` under the name `name`.

    Started as a module: the `vllm` script of the CPU build looks for a distribution that is not there.
    """
    ours = {"model": model, "served_model_name": name, "host": host, "port": port}
    defaults = CPU_DEFAULTS if environments.accelerator() == "cpu" else {}
    return [str(python), "-m", "vllm.entrypoints.openai.api_server", *as_flags({**defaults, **arguments, **ours})]


def variables(model: str, cpus: list[int] | None = None) -> dict[str, str]:
    """The environment of a server; `cpus` binds its threads, so that two servers do not share one core."""
    chosen = {
        **environments.environment_variables("serve"),
        # Only this machine talks to the engine's processes.
        "VLLM_HOST_IP": "127.0.0.1",
        # Importing vLLM from source takes three processes 15 s each; kept bytecode halves the start.
        "PYTHONDONTWRITEBYTECODE": "",
    }
    if Path(model).is_dir():
        chosen["HF_HUB_OFFLINE"] = "1"
    if environments.accelerator() == "cpu":
        chosen["VLLM_CPU_KVCACHE_SPACE"] = os.environ.get("VLLM_CPU_KVCACHE_SPACE", "1")
        if cpus:
            chosen["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(str(cpu) for cpu in cpus)
    return chosen
