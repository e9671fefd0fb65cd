"""One server, one base, any number of LoRA adapters under names of their own: a run's checkpoints, or several runs.

Adapters are loaded and unloaded while the server runs; it is only started anew when one needs a higher rank.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from voicewright.core import processes
from voicewright.core.documents.base import read_document, write_document
from voicewright.core.documents.serving import AdapterConfig
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import fingerprint
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.serving import server as servers
from voicewright.serving.client import Client, ClientSettings, Failure
from voicewright.serving.server import Server, Started

WEIGHTS = "adapter_model.safetensors"
# The ranks that vLLM 0.32 has kernels for.
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
CAPACITY_KEYS = ("max_lora_rank", "max_loras", "max_cpu_loras")
# In one batch; more are swapped in and out.
MAX_LORAS_AT_ONCE = 16
LOAD_TIMEOUT_S = 120.0

Adapters = Mapping[str, Path]
"""Folders of adapters, by the names that they are served under."""


def is_arm(arm: str) -> bool:
    """Whether this arm is served as an adapter."""
    return arm in ("adapter", "checkpoints") or arm.startswith("checkpoint-")


def has_adapter(run: Run) -> bool:
    """Whether the run's training has left an adapter."""
    return (run.adapter_dir / WEIGHTS).exists()


def of_run(recipe: Recipe, port: int | None = None) -> tuple[Server, Adapters]:
    """A run's base with every checkpoint (`checkpoint-N`) and the final adapter (`adapter`).

    Raises UserError where nothing has been trained, or the method makes no adapter.
    """
    run = Run(recipe.run)
    folders = [path.parent for path in run.adapter_dir.glob(f"checkpoint-*/{WEIGHTS}")]
    adapters = {path.name: path for path in sorted(folders, key=lambda path: int(path.name.rpartition("-")[2]))}
    if has_adapter(run):
        adapters["adapter"] = run.adapter_dir
    if not adapters:
        raise UserError(
            f"run {run.name!r} has no adapter yet ({run.adapter_dir})",
            hint=f"make train RUN={run.name}; a full fine-tune has none: make serve RUN={run.name} ARM=finetuned",
        )
    server = servers.slot_of_run(recipe, servers.ADAPTERS, servers.base_model(recipe), port)
    return with_lora(server, adapters), adapters


def of_runs(names: Sequence[str], port: int | None = None) -> tuple[Server, Adapters]:
    """Several runs' adapters on the base that they share, each under its run's name.

    Raises UserError for runs without an adapter and for runs on different bases.
    """
    run_recipes = [recipes.load(name) for name in names]
    bases = {recipe.run: servers.base_model(recipe) for recipe in run_recipes}
    first = run_recipes[0]
    without = [name for name in bases if not has_adapter(Run(name))]
    problems = [f"run {name!r} has no adapter yet ({Run(name).adapter_dir})" for name in without]
    if len(set(bases.values())) > 1:
        problems += [f"{name} is trained on {base}" for name, base in bases.items()]
        problems.append("one server has one base")
    if problems:
        on_one_base = ",".join(name for name, base in bases.items() if base == bases[first.run])
        raise UserError(problems, hint=f"make {f'train RUN={without[0]}' if without else f'serve RUNS={on_one_base}'}")
    server = Server(
        name="baseline",
        model=bases[first.run],
        port=port or first.serve.adapters_port,
        host=first.serve.host,
        arguments=first.vllm,
        ready_timeout_s=first.serve.ready_timeout_s,
        port_is_fixed=port is not None,
    )
    adapters = {name: Run(name).adapter_dir for name in bases}
    return with_lora(server, adapters), adapters


def with_lora(server: Server, adapters: Adapters) -> Server:
    """The server with room for these adapters. Raises UserError for a rank that vLLM has no kernels for."""
    configs = {name: read_document(path / "adapter_config.json", AdapterConfig) for name, path in adapters.items()}
    too_high = [
        f"{name}: rank {config.r}, and vLLM serves at most {RANKS[-1]}"
        for name, config in configs.items()
        if config.r > RANKS[-1]
    ]
    if too_high:
        raise UserError(too_high, hint=_merged_model_hint(server, adapters))
    highest = max(config.r for config in configs.values())
    capacity = {
        "enable_lora": True,
        "max_lora_rank": next(rank for rank in RANKS if rank >= highest),
        # Rounded up, so that another adapter needs no new start.
        "max_loras": min(1 << (len(adapters) - 1).bit_length(), MAX_LORAS_AT_ONCE),
        "max_cpu_loras": max(len(adapters), MAX_LORAS_AT_ONCE),
        "lora_target_modules": _targets(configs.values()),
    }
    return dataclasses.replace(
        server,
        arguments={**server.arguments, **capacity},
        variables={**server.variables, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"},
    )


def ensure(server: Server, adapters: Adapters, *, keep: bool) -> Started:
    """Have the server up with exactly these adapters.

    Raises UserError as `server.ensure` does, and where vLLM refuses an adapter.
    """
    started = servers.ensure(_with_present_capacity(server), keep=keep)
    try:
        with servers.lock(started.server):
            _load(started.server, adapters)
    except BaseException:
        if started.is_new:
            processes.stop(started.server.record_path, servers.GRACE_S)
        raise
    return started


def _targets(configs: Iterable[AdapterConfig]) -> list[str] | None:
    """The modules that the adapters change, or None where one says it with a pattern.

    Named, they keep vLLM from wrapping the output layer, whose CPU version dies of prompt log-probabilities.
    """
    modules: set[str] = set()
    for config in configs:
        if not isinstance(config.target_modules, list):
            return None
        modules.update(config.target_modules)
    return sorted(modules)


def _with_present_capacity(server: Server) -> Server:
    """The server as it runs, if that has room enough: adapters can then come and go without a new start."""
    record = servers.existing_record(server)
    if record is None:
        return server
    present = {key: record.arguments.get(key) for key in (*CAPACITY_KEYS, "lora_target_modules")}
    enough = all(present[key] is not None and present[key] >= server.arguments[key] for key in CAPACITY_KEYS)
    targets, needed = present["lora_target_modules"], server.arguments["lora_target_modules"]
    if enough and (targets is None or (needed is not None and set(needed) <= set(targets))):
        return dataclasses.replace(server, arguments={**server.arguments, **present})
    return server


def _load(server: Server, adapters: Adapters) -> None:
    """Unload what has no place in `adapters` or has changed, load what is missing."""
    record = servers.read_record(server.record_path)
    if record is None:
        raise UserError(f"{server.name}: the server at {server.root} was stopped", hint="the same command again")
    fingerprints = {name: fingerprint(path) for name, path in adapters.items()}
    present = set(servers.model_names(server.url))
    problems = []
    with Client(ClientSettings(server.url, timeout_s=LOAD_TIMEOUT_S)) as client:
        for name in sorted(present - {server.name}):
            if fingerprints.get(name) != record.adapters.get(name):
                client.send("POST", f"{server.url}/unload_lora_adapter", {"lora_name": name})
                present.discard(name)
        for name, path in adapters.items():
            if name not in present:
                body = {"lora_name": name, "lora_path": str(path.resolve())}
                loaded = client.send("POST", f"{server.url}/load_lora_adapter", body)
                if isinstance(loaded, Failure):
                    problems.append(f"{name}: vLLM refuses the adapter in {path}: {loaded.reason}")
    write_document(server.record_path, record.model_copy(update={"adapters": fingerprints}))
    if problems:
        raise UserError(problems, hint=_merged_model_hint(server, adapters))


def _merged_model_hint(server: Server, adapters: Adapters) -> str:
    run = server.run.name if server.run else next(iter(adapters))
    return f"make serve RUN={run} ARM=finetuned, which serves the merged model instead"
