"""One server: where it is, how it is started, when it is ready, who uses it.

Its record outlives whoever started it. `keep` in the record says that it stays until a command stops it; otherwise it
goes when the last of its `users` is done with it.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import filelock
import psutil

from voicewright.core import environments, processes
from voicewright.core.documents.base import read_document, write_document
from voicewright.core.documents.serving import ServerRecord, VllmArguments
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import Run, given_path, home
from voicewright.core.records import fingerprint
from voicewright.recipe.schema import Recipe
from voicewright.serving import arguments
from voicewright.serving.client import Client, ClientSettings, Failure

ARMS = ("baseline", "finetuned")
ADAPTERS = "adapters"
"""The slot of a run's server of adapters, beside those of its arms."""
DEFAULT_PORT = 8002
"""Of a model folder that belongs to no run."""
PORTS_TRIED = 200
GRACE_S = 20.0
# What vLLM takes of an accelerator's memory unless it is told otherwise.
VLLM_MEMORY_SHARE = 0.9
REPORT_EVERY_S = 15.0
PROBE_TIMEOUT_S = 2.0
# What a log says, and what to do about it.
LOG_HINTS = {
    "out of memory": "one model at a time (ARM=baseline), the base with its adapter in one server (ARM=checkpoints), "
    "a lower vllm.gpu_memory_utilization or vllm.max_model_len, or stop what else uses the GPU",
    "no available memory for the cache blocks": "a lower vllm.max_model_len, or a higher vllm.gpu_memory_utilization",
    "free memory on device": "a lower vllm.gpu_memory_utilization, or stop what else uses the GPU",
    "libnuma": "install libnuma1 (Debian, Ubuntu: apt-get install libnuma1)",
    "head size": "vLLM has no kernel for this model's head size; serve it with other software: SET=serve=external",
    "gated repo": "accept the model's licence at the hub and set HF_TOKEN",
    "unrecognized arguments": "a key under vllm: that this vLLM does not know",
    "address already in use": "another port: serve.baseline_port, serve.finetuned_port",
}


@dataclass(frozen=True)
class Server:
    """What is to be served, and where."""

    name: str
    """The name clients ask for: an arm, or a folder's name."""
    model: str
    """A folder, or a name at the hub."""
    port: int
    run: Run | None = None
    """None for a model that is served without a run."""
    slot: str = ""
    """Which of the run's servers it is: baseline, finetuned or adapters."""
    host: str = "127.0.0.1"
    arguments: VllmArguments = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    """Environment variables beside the usual ones."""
    ready_timeout_s: float = 900
    port_is_fixed: bool = False
    """The user chose the port: where it is busy, that is an error. Otherwise the next free one is taken."""

    @property
    def root(self) -> str:
        """The address without /v1."""
        return f"http://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"  # noqa: S104

    @property
    def url(self) -> str:
        """The base URL of its OpenAI-compatible API."""
        return f"{self.root}/v1"

    @property
    def record_path(self) -> Path:
        return self.run.child_path(f"serve-{self.slot}") if self.run else unattached_dir() / f"{self.port}.json"

    @property
    def log_path(self) -> Path:
        return self.run.logs_dir / f"serve-{self.slot}.log" if self.run else unattached_dir() / f"{self.port}.log"

    @property
    def stop_command(self) -> str:
        return stop_command(self.record_path, self.port)

    def serve_command(self, port: int) -> str:
        """The command that serves it on another port."""
        arm = "checkpoints" if self.slot == ADAPTERS else self.slot
        target = f"RUN={self.run.name} ARM={arm}" if self.run else f"FOLDER={shlex.quote(self.model)}"
        return f"make serve {target} PORT={port}"


@dataclass(frozen=True)
class Started:
    """A server that is up, on the port that it has, and whether this call started it."""

    server: Server
    is_new: bool


def of_run(recipe: Recipe, arm: str, port: int | None = None) -> Server:
    """The server of a run's arm. Raises UserError for an unknown arm, or a model that is not there yet."""
    run = Run(recipe.run)
    if arm == "baseline":
        model = base_model(recipe)
    elif arm == "finetuned":
        model = str(run.merged_dir)
        if not (run.merged_dir / "config.json").exists():
            raise UserError(
                f"there is no merged model of run {run.name!r} yet ({run.merged_dir})",
                hint=f"make merge RUN={run.name}, or make serve RUN={run.name} ARM=baseline, which needs no training",
            )
    else:
        raise UserError(f"there is no arm {arm!r} to serve. Arms: {', '.join(ARMS)}, both, checkpoints")
    return slot_of_run(recipe, arm, model, port)


def slot_of_run(recipe: Recipe, slot: str, model: str, port: int | None) -> Server:
    """A server of a run: an arm, or its adapters. A port that the recipe changes counts as the user's choice."""
    setting = f"{slot}_port"
    usual = int(getattr(recipe.serve, setting))
    return Server(
        name="baseline" if slot == ADAPTERS else slot,
        model=model,
        port=port or usual,
        run=Run(recipe.run),
        slot=slot,
        host=recipe.serve.host,
        arguments=recipe.vllm,
        ready_timeout_s=recipe.serve.ready_timeout_s,
        port_is_fixed=port is not None or usual != type(recipe.serve).model_fields[setting].default,
    )


def of_path(path: str, port: int | None = None, name: str | None = None) -> Server:
    """A server of any model folder, without a run. Raises UserError where no model lies there."""
    folder = Path(path).expanduser().resolve()
    if not (folder / "config.json").exists():
        raise UserError(f"{path}: expected the name of a run or recipe, or a folder with a model (config.json)")
    return Server(name or folder.name, str(folder), port or DEFAULT_PORT, port_is_fixed=port is not None)


def base_model(recipe: Recipe) -> str:
    """The base model: a folder of this machine, or a name at the hub."""
    given = str(recipe.axolotl["base_model"])
    folder = given_path(given)
    return str(folder) if folder.is_dir() else given


def model_root(recipe: Recipe, arm: str) -> str | None:
    """What a server of ours loads for an arm: the base model, or a folder of the run; None for another arm."""
    run = Run(recipe.run)
    if arm == "baseline":
        return base_model(recipe)
    if arm.startswith("checkpoint-"):
        return str(run.adapter_dir / arm)
    return {"finetuned": str(run.merged_dir), "adapter": str(run.adapter_dir)}.get(arm)


# --- records


def unattached_dir() -> Path:
    """Where records and logs of servers without a run lie."""
    return home() / "runs" / ".servers"


def record_paths(run: Run | None = None) -> list[Path]:
    """The records of a run's servers; of all runs and of none, where no run is given."""
    if run is not None:
        return sorted(run.children_dir.glob("serve-*.json"))
    of_runs = (home() / "runs").glob("*/children/serve-*.json")
    return sorted([*of_runs, *unattached_dir().glob("*.json")])


def read_record(record_path: Path) -> ServerRecord | None:
    """A server's record, or None where there is none."""
    try:
        return read_document(record_path, ServerRecord)
    except FileNotFoundError:
        return None


def live_record(record_path: Path) -> ServerRecord | None:
    """The record of a server of which anything still runs, else None."""
    record = read_record(record_path)
    return record if record is not None and processes.alive(record_path) else None


def owner(record_path: Path) -> str:
    """The run that a record belongs to, "" where it belongs to none."""
    return record_path.parent.parent.name if record_path.parent.name == "children" else ""


def stop_command(record_path: Path, port: int) -> str:
    """The command that stops a run's servers, or the one at a port that belongs to no run."""
    run = owner(record_path)
    return f"make stop RUN={run}" if run else f"make stop PORT={port}"


def url_of(recipe: Recipe, arm: str) -> str:
    """The base URL at which an arm answers now: that of its server, which may have found its port busy."""
    if recipe.serve.engine != "external":
        slot = "baseline" if arm == "prompted" else arm if arm in ARMS else ADAPTERS
        record = live_record(Run(recipe.run).child_path(f"serve-{slot}"))
        if record is not None:
            return dataclasses.replace(slot_of_run(recipe, slot, record.model, None), port=record.port).url
    return recipe.serve.url(arm)


def current_url(recipe: Recipe, url: str) -> str:
    """A URL that a recipe names: where it is the baseline's, the one at which the baseline answers now."""
    return url_of(recipe, "baseline") if url == recipe.serve.url("baseline") else url


def lock(server: Server) -> filelock.BaseFileLock:
    """Two commands at once do not both start, or one stop what the other is about to use."""
    path = server.record_path.with_suffix(".lock") if server.run else unattached_dir() / "servers.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(path)


# --- starting and stopping


def ensure(server: Server, *, keep: bool, cpus: list[int] | None = None) -> Started:
    """Have the server up and ready.

    Raises UserError for a fixed port in use, a crash or a timeout, each with the log's lines about it; a server that
    this call started and that does not get ready is stopped.
    """
    model_hash = fingerprint(Path(server.model)) if Path(server.model).is_dir() else server.model
    with lock(server):
        record_path, record = _existing(server)
        if record is not None:
            running = dataclasses.replace(server, port=server.port if server.port_is_fixed else record.port)
            if record.model_hash == model_hash and _behaviour(record.command) == _behaviour(_command(running)):
                _wait(running, lambda: None if processes.alive(record_path) else -1)
                _add_user(record_path, keep)
                return Started(running, is_new=False)
            notice(f"{server.name}: its model or arguments have changed since it was started; starting it anew")
            processes.stop(record_path, GRACE_S)
        server = _with_free_port(server)
        processes.stop(server.record_path, GRACE_S)  # what is left of one that died
        try:
            child = processes.start(
                _command(server),
                log_path=server.log_path,
                record_path=server.record_path,
                env={**arguments.variables(server.model, cpus or _spare_cpus()), **server.variables},
                name=server.name,
                model=server.model,
                model_hash=model_hash,
                port=server.port,
                arguments=server.arguments,
                keep=keep,
                users=[] if keep else [_this_process()],
            )
            _wait(server, child.exit_code)
        except BaseException:
            processes.stop(server.record_path, GRACE_S)
            raise
    return Started(server, is_new=True)


def release(server: Server) -> bool:
    """This process is done with the server: stop it if nobody else uses or keeps it; return whether it was stopped."""
    with lock(server):
        record = read_record(server.record_path)
        if record is None:
            return False
        users = [user for user in record.users if user != _this_process() and _is_running(user)]
        if record.keep or users:
            write_document(server.record_path, record.model_copy(update={"users": users}))
            return False
        return processes.stop(server.record_path, GRACE_S)


def existing_record(server: Server) -> ServerRecord | None:
    """The record of this server if it runs."""
    return _existing(server)[1]


def _existing(server: Server) -> tuple[Path, ServerRecord | None]:
    """The record of this server if it runs, and where it lies.

    One of a model without a run lies under its port; where the user chose none, it is the one with the same model.
    """
    if server.run is None and not server.port_is_fixed:
        for path in sorted(unattached_dir().glob("*.json")):
            record = live_record(path)
            if record is not None and (record.name, record.model) == (server.name, server.model):
                return path, record
        return server.record_path, None
    return server.record_path, live_record(server.record_path)


def _command(server: Server) -> list[str]:
    python = environments.python("serve")
    return arguments.command(python, server.model, server.name, server.host, server.port, server.arguments)


def _behaviour(command: Sequence[str]) -> list[str]:
    """The command without its share of the machine's memory, which changes no answer of the server's."""
    share = "--gpu-memory-utilization"
    at = command.index(share) if share in command else len(command)
    return [*command[:at], *command[at + 2 :]]


def _this_process() -> tuple[int, float]:
    return os.getpid(), psutil.Process().create_time()


def _is_running(user: tuple[int, float]) -> bool:
    try:
        return abs(psutil.Process(user[0]).create_time() - user[1]) < processes.CREATE_TIME_TOLERANCE_S
    except psutil.Error:
        return False


def _add_user(record_path: Path, keep: bool) -> None:
    """Note that this process uses a server that was already up; `keep` makes it stay."""
    record = read_record(record_path)
    if record is not None:
        users = [user for user in record.users if _is_running(user)]
        users += [] if keep else [_this_process()]
        write_document(record_path, record.model_copy(update={"keep": record.keep or keep, "users": users}))


# --- ports, processors, accelerators


def _with_free_port(server: Server) -> Server:
    """The server on its port, or on the next free one. Raises UserError where the user chose a port that is busy."""
    if port_is_free(server.host, server.port):
        return server
    free, holder = next_free_port(server.host, server.port), port_holder(server.port)
    if server.port_is_fixed:
        record_path = next((path for path in record_paths() if _has_port(path, server.port)), None)
        stop = f"{stop_command(record_path, server.port)}, or " if record_path else ""
        raise UserError(f"port {server.port} is in use by {holder}", hint=f"{stop}{server.serve_command(free)}")
    notice(f"port {server.port} is in use by {holder}; {server.name} is served on port {free}")
    return dataclasses.replace(server, port=free)


def next_free_port(host: str, port: int) -> int:
    """`port` or the next one where a server can listen. Raises UserError where PORTS_TRIED of them are in use."""
    ports = range(port, min(port + PORTS_TRIED, 65536))
    free = next((each for each in ports if port_is_free(host, each)), None)
    if free is None:
        raise UserError(f"the ports from {port} to {ports[-1]} are all in use")
    return free


def port_is_free(host: str, port: int) -> bool:
    """Whether a server can listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: without it a port that was just left counts as taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _has_port(record_path: Path, port: int) -> bool:
    record = live_record(record_path)
    return record is not None and record.port == port


def port_holder(port: int) -> str:
    """Who listens on a port, as far as this user may know: a run's server, or `python server.py (pid 41)`."""
    for path in record_paths():
        if _has_port(path, port):
            return f"the server of run {owner(path)!r}" if owner(path) else "a server without a run"
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return "another process"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
            try:
                words = " ".join(psutil.Process(connection.pid).cmdline())
            except psutil.Error:
                words = "a process"
            return f"{words[:120]} (pid {connection.pid})"
    return "another process"


def processor_halves() -> tuple[list[int], list[int]]:
    """The processors that this process may use, in two halves for two servers; where there is one, both have it."""
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]
    middle = max(1, len(cpus) // 2)
    return cpus[:middle], cpus[middle:] or cpus


def _spare_cpus() -> list[int] | None:
    """The second half where another server of ours is up (it has the first processors), else vLLM's choice."""
    return processor_halves()[1] if any(processes.alive(path) for path in record_paths()) else None


def share_accelerators(servers: list[Server], devices: int) -> list[Server]:
    """Servers that are up together: each with accelerators of its own, or else with its part of the memory."""
    if environments.accelerator() == "cpu" or len(servers) < 2:
        return servers
    visible = [d for d in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if d] or [
        str(n) for n in range(devices)
    ]
    each = max(int(server.arguments.get("tensor_parallel_size") or 1) for server in servers)
    if len(visible) >= each * len(servers):
        own = [",".join(visible[n * each : (n + 1) * each]) for n in range(len(servers))]
        return [
            dataclasses.replace(server, variables={**server.variables, "CUDA_VISIBLE_DEVICES": devices_of_it})
            for server, devices_of_it in zip(servers, own, strict=True)
        ]
    return [
        dataclasses.replace(server, arguments=_part_of_memory(server.arguments, len(servers))) for server in servers
    ]


def _part_of_memory(vllm: VllmArguments, parts: int) -> VllmArguments:
    whole = float(vllm.get("gpu_memory_utilization") or VLLM_MEMORY_SHARE)
    return {**vllm, "gpu_memory_utilization": round(whole / parts, 3)}


# --- readiness


def answers(url: str) -> bool:
    """Whether a server is ready at a base URL. vLLM says so at /health; others at least list their models."""
    with _probe(url) as client:
        if not isinstance(client.send("GET", f"{client.settings.root}/health"), Failure):
            return True
        return not isinstance(client.send("GET", f"{client.settings.url}/models"), Failure)


def model_names(url: str) -> list[str]:
    """The names of the models that a base URL offers; empty where it does not say."""
    with _probe(url) as client:
        models = client.models()
    return [] if isinstance(models, Failure) else [model.id for model in models]


def _probe(url: str) -> Client:
    return Client(ClientSettings(url, timeout_s=PROBE_TIMEOUT_S))


def _wait(server: Server, exit_code: Callable[[], int | None]) -> None:
    """Wait until the server answers, saying how far it is. Raises UserError when it ends or takes too long."""
    began = reported = time.monotonic()
    while not (answers(server.url) and server.name in model_names(server.url)):
        code, now = exit_code(), time.monotonic()
        if code is not None:
            raise _not_ready(server, f"{server.name}: the server ended while it was loading (exit code {code})")
        if now - began > server.ready_timeout_s:
            raise _not_ready(
                server,
                f"{server.name}: not ready after {server.ready_timeout_s:.0f} s",
                "a longer serve.ready_timeout_s, if the log shows that it was still loading",
            )
        if now - reported >= REPORT_EVERY_S:
            reported = now
            print(f"{server.name}: loading, {now - began:.0f} s: {_phase(server.log_path)}", flush=True)
        elif sys.stdout.isatty():
            print(f"\r\x1b[K{server.name}: loading, {now - began:.0f} s", end="", flush=True)
        time.sleep(0.25)
    if sys.stdout.isatty():
        print("\r\x1b[K", end="", flush=True)


def _not_ready(server: Server, problem: str, hint: str | None = None) -> UserError:
    lines = processes.tail(server.log_path)
    text = "\n".join(lines).lower()
    hints = [advice for words, advice in LOG_HINTS.items() if words in text]
    return UserError(
        [problem, *(f"  {line}" for line in lines), f"The whole log: {server.log_path}"],
        hint=hint or "; ".join(hints) or "what the log names; then the same command again",
    )


def _phase(log_path: Path) -> str:
    """The last line of the log, without its prefix."""
    lines = log_path.read_text(errors="replace").splitlines() if log_path.exists() else []
    return lines[-1].rpartition("] ")[2].rpartition("\r")[2][:100] if lines else "starting"
