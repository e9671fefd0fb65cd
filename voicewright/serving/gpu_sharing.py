"""What servers that are up together have to share: accelerators and their memory."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from voicewright.core import environments
from voicewright.serving.server import Server

# What vLLM takes of an accelerator's memory unless it is told otherwise.
VLLM_MEMORY_SHARE = 0.9


def sharing(wanted: list[Server], devices: int) -> list[Server]:
    """Servers that are up together: each with accelerators of its own, or else with its part of the memory."""
    if environments.accelerator() == "cpu" or len(wanted) < 2:
        return wanted
    visible = [d for d in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if d] or [
        str(n) for n in range(devices)
    ]
    each = max(int(server.arguments.get("tensor_parallel_size") or 1) for server in wanted)
    if len(visible) >= each * len(wanted):
        own = [",".join(visible[n * each : (n + 1) * each]) for n in range(len(wanted))]
        return [
            dataclasses.replace(s, variables={**s.variables, "CUDA_VISIBLE_DEVICES": d})
            for s, d in zip(wanted, own, strict=True)
        ]
    return [dataclasses.replace(server, arguments=_part_of_memory(server, len(wanted))) for server in wanted]


def _part_of_memory(server: Server, parts: int) -> dict[str, Any]:
    whole = float(server.arguments.get("gpu_memory_utilization") or VLLM_MEMORY_SHARE)
    return {**server.arguments, "gpu_memory_utilization": round(whole / parts, 3)}
