"""One server, one base, many LoRA adapters under names of their own: a run's checkpoints, or many runs' voices.

Adapters come and go while the server runs; it is only started anew when one needs a higher rank.
"""

from __future__ import annotations

import dataclasses
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from voicewright.core import processes
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import fingerprint, read_json, write_json
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.serving import readiness
from voicewright.serving import server as servers
from voicewright.serving.server import Server

WEIGHTS = "adapter_model.safetensors"
# The ranks that vLLM 0.32 has kernels for.
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
ROOM = ("max_lora_rank", "max_loras", "max_cpu_loras")
# In one batch; more are swapped in and out.
MOST_AT_ONCE = 16
LOAD_TIMEOUT_S = 120.0

Adapters = dict[str, Path]


def is_arm(arm: str) -> bool:
    """Is this an arm that is served as an adapter?"""
    return arm in ("adapter", "checkpoints") or arm.startswith("checkpoint-")


def of_run(settings: Recipe) -> tuple[Server, Adapters]:
    """A run's base with every checkpoint (`checkpoint-N`) and the final adapter (`adapter`).

    Raises UserError where nothing has been trained, or the method makes no adapter.
    """
    run = Run(settings.run)
    found = {path.parent.name: path.parent for path in run.adapter_dir.glob(f"checkpoint-*/{WEIGHTS}")}
    found = dict(sorted(found.items(), key=lambda item: int(item[0].rpartition("-")[2])))
    if (run.adapter_dir / WEIGHTS).exists():
        found["adapter"] = run.adapter_dir
    if not found:
        raise UserError(
            f"run {run.name!r} has no adapter yet ({run.adapter_dir})",
            hint=f"make train RECIPE={settings.recipe}; a full fine-tune has none: arm=finetuned serves it",
        )
    server = Server(
        name="baseline",
        model=servers.base_model(settings),
        port=settings.serve.adapters_port,
        record_path=run.child_path("serve-adapters"),
        log_path=run.logs_dir / "serve-adapters.log",
        host=settings.serve.host,
        arguments=settings.vllm,
        ready_timeout_s=settings.serve.ready_timeout_s,
        down=f"python -m serve.down {run.name}",
        port_option="serve.adapters_port in the recipe, or port=",
    )
    return with_lora(server, found), found


def of_runs(names: list[str], port: int | None = None) -> tuple[Server, Adapters]:
    """Many runs' adapters on the base that they share, each under its run's name.

    Raises UserError for runs without an adapter and for runs on different bases.
    """
    settings = [recipes.load(name) for name in names]
    bases = {s.run: servers.base_model(s) for s in settings}
    problems = [
        f"run {s.run!r} has no adapter yet ({Run(s.run).adapter_dir})"
        for s in settings
        if not (Run(s.run).adapter_dir / WEIGHTS).exists()
    ]
    if len(set(bases.values())) > 1:
        problems += [f"{run} is trained on {base}" for run, base in bases.items()]
        problems.append("one server has one base")
    if problems:
        raise UserError(problems, hint="leave out those that do not fit, or train them: make train RECIPE=...")
    first = settings[0]
    chosen = port or first.serve.adapters_port
    server = Server(
        name="baseline",
        model=bases[first.run],
        port=chosen,
        record_path=servers.loose_dir() / f"{chosen}.json",
        log_path=servers.loose_dir() / f"{chosen}.log",
        host=first.serve.host,
        arguments=first.vllm,
        ready_timeout_s=first.serve.ready_timeout_s,
        down=f"python -m serve.down port={chosen}",
        port_option="port=",
    )
    found = {s.run: Run(s.run).adapter_dir for s in settings}
    return with_lora(server, found), found


def with_lora(server: Server, adapters: Adapters) -> Server:
    """The server with room for these adapters. Raises UserError for a rank that vLLM has no kernels for."""
    configs = {name: read_json(path / "adapter_config.json") for name, path in adapters.items()}
    ranks = {name: int(config["r"]) for name, config in configs.items()}
    too_high = [
        f"{name}: rank {rank}, and vLLM serves at most {RANKS[-1]}" for name, rank in ranks.items() if rank > RANKS[-1]
    ]
    if too_high:
        raise UserError(too_high, hint="serve its merged model instead: arm=finetuned")
    room = {
        "enable_lora": True,
        "max_lora_rank": next(rank for rank in RANKS if rank >= max(ranks.values())),
        # Rounded up, so that another adapter needs no new start.
        "max_loras": min(1 << (len(adapters) - 1).bit_length(), MOST_AT_ONCE),
        "max_cpu_loras": max(len(adapters), MOST_AT_ONCE),
        "lora_target_modules": _targets(list(configs.values())),
    }
    return dataclasses.replace(
        server,
        arguments={**server.arguments, **room},
        variables={**server.variables, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"},
    )


def _targets(configs: list[dict[str, Any]]) -> list[str] | None:
    """The modules that the adapters change, or None where one says it with a pattern.

    Named, they keep vLLM from wrapping the output layer, whose CPU version dies of prompt log-probabilities.
    """
    named = [config.get("target_modules") for config in configs]
    if not all(isinstance(modules, list) for modules in named):
        return None
    return sorted({str(module) for modules in named if modules for module in modules})


def ensure(server: Server, adapters: Adapters, *, keep: bool) -> bool:
    """Have the server up with exactly these adapters; was it started by this call?

    Raises UserError as `server.ensure` does, and where vLLM refuses an adapter.
    """
    server = _with_room_there_is(server)
    started = servers.ensure(server, keep=keep)
    try:
        with servers.locked(server.record_path):
            _settle(server, adapters)
    except BaseException:
        if started:
            processes.stop(server.record_path, servers.GRACE_S)
        raise
    return started


def _with_room_there_is(server: Server) -> Server:
    """The server as it runs, if that has room enough: adapters can then come and go without a new start."""
    record = processes.read(server.record_path)
    if record is None or not processes.alive(server.record_path):
        return server
    there = {key: record["arguments"].get(key) for key in (*ROOM, "lora_target_modules")}
    enough = all(there[key] is not None and there[key] >= server.arguments[key] for key in ROOM)
    known, wanted = there["lora_target_modules"], server.arguments["lora_target_modules"]
    if enough and (known is None or (wanted is not None and set(wanted) <= set(known))):
        return dataclasses.replace(server, arguments={**server.arguments, **there})
    return server


def _settle(server: Server, adapters: Adapters) -> None:
    """Unload what is not wanted or has changed, load what is missing."""
    record = processes.read(server.record_path) or {}
    loaded: dict[str, str] = record.get("adapters", {})
    wanted = {name: fingerprint(path) for name, path in adapters.items()}
    present = set(readiness.models(server.root))
    for name in sorted(present - {server.name}):
        if wanted.get(name) != loaded.get(name):
            _post(server, "/v1/unload_lora_adapter", {"lora_name": name})
            present.discard(name)
    problems = []
    for name, path in adapters.items():
        if name not in present:
            why = _post(server, "/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(path.resolve())})
            problems += [f"{name}: vLLM refuses the adapter in {path}: {why}"] if why else []
    write_json(server.record_path, {**record, "adapters": wanted})
    if problems:
        raise UserError(problems, hint="serve its merged model instead: arm=finetuned")


def _post(server: Server, path: str, body: dict[str, Any]) -> str | None:
    """Send a request; what the server said against it, or None."""
    request = urllib.request.Request(  # noqa: S310  our own server
        server.root + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=LOAD_TIMEOUT_S):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        text = error.read().decode("utf-8", "replace")
        return text[:300] or str(error)
    except OSError as error:
        return str(error)
