"""One server: where it is, how it is started, when it is ready, who uses it.

Its record (voicewright.process) outlives whoever started it. `keep` in the record says that it was asked for with
`serve.up` and stays until `serve.down`; otherwise it goes when the last of its `users` is done with it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from voicewright.core import environments, processes
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import REPO_DIR, Run, home
from voicewright.core.records import fingerprint, write_json
from voicewright.recipe.schema import Recipe
from voicewright.serving import arguments, ports, processors, readiness

ARMS = ("baseline", "finetuned")
GRACE_S = 20.0


@dataclass(frozen=True)
class Server:
    """What is to be served, where, and where its traces lie."""

    name: str
    """The name clients ask for: an arm, or a folder's name."""
    model: str
    """A folder, or a name at the hub."""
    port: int
    record_path: Path
    log_path: Path
    host: str = "127.0.0.1"
    arguments: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    """Environment variables beside the usual ones."""
    ready_timeout_s: float = 900
    down: str = "python -m serve.down"
    """The command that stops it."""
    port_option: str = "port="
    """What gives it another port."""

    @property
    def root(self) -> str:
        """The address without /v1."""
        return f"http://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"  # noqa: S104


def of_run(recipe: Recipe, arm: str, port: int | None = None) -> Server:
    """The server of a run's arm. Raises UserError for an unknown arm, or a model that is not there yet."""
    run = Run(recipe.run)
    if arm == "baseline":
        model, usual = base_model(recipe), recipe.serve.baseline_port
    elif arm == "finetuned":
        model, usual = str(run.merged_dir), recipe.serve.finetuned_port
        if not (run.merged_dir / "config.json").exists():
            raise UserError(
                f"there is no merged model of run {run.name!r} yet ({run.merged_dir})",
                hint=f"make merge RECIPE={recipe.recipe}, or arm=baseline, which needs no training",
            )
    else:
        raise UserError(f"there is no arm {arm!r} to serve. Arms: {', '.join(ARMS)}, both, checkpoints")
    return Server(
        name=arm,
        model=model,
        port=port or usual,
        record_path=run.child_path(f"serve-{arm}"),
        log_path=run.logs_dir / f"serve-{arm}.log",
        host=recipe.serve.host,
        arguments=recipe.vllm,
        ready_timeout_s=recipe.serve.ready_timeout_s,
        down=f"python -m serve.down {run.name}",
        port_option=f"serve.{arm}_port in the recipe, or port=",
    )


def of_path(path: str, port: int, name: str | None = None) -> Server:
    """A server of any model folder, without a run. Raises UserError where no model lies there."""
    folder = Path(path).expanduser().resolve()
    if not (folder / "config.json").exists():
        raise UserError(f"{path}: expected the name of a run or recipe, or a folder with a model (config.json)")
    return Server(
        name=name or folder.name,
        model=str(folder),
        port=port,
        record_path=loose_dir() / f"{port}.json",
        log_path=loose_dir() / f"{port}.log",
        down=f"python -m serve.down port={port}",
    )


def base_model(recipe: Recipe) -> str:
    """The base model: a folder of this machine, or a name at the hub."""
    given = str(recipe.axolotl["base_model"])
    folder = REPO_DIR / Path(given).expanduser()
    return str(folder) if folder.is_dir() else given


def loose_dir() -> Path:
    """Where records and logs of servers without a run lie."""
    return home() / "runs" / ".servers"


def record_paths(run: str | None = None) -> list[Path]:
    """The records of a run's servers; of all runs and of none, where no run is named."""
    if run is not None:
        return sorted((Run(run).dir / "children").glob("serve-*.json"))
    everywhere = list((home() / "runs").glob("*/children/serve-*.json"))
    return sorted([*everywhere, *loose_dir().glob("*.json")])


def ensure(server: Server, *, keep: bool, cpus: list[int] | None = None) -> bool:
    """Have the server up and ready; was it started by this call?

    Raises UserError for a port in use, a crash or a timeout, each with the log's telling lines; a server that
    this call started and that does not get ready is stopped.
    """
    model_hash = fingerprint(Path(server.model)) if Path(server.model).is_dir() else server.model
    command = arguments.command(
        environments.python("serve"), server.model, server.name, server.host, server.port, server.arguments
    )
    with locked(server.record_path):
        record = processes.read(server.record_path)
        if record is not None and processes.alive(server.record_path):
            if record["model_hash"] == model_hash and _behaviour(record["command"]) == _behaviour(command):
                readiness.wait(_waiting(server), lambda: None if processes.alive(server.record_path) else -1)
                _enlist(server, keep)
                return False
            notice(f"{server.name}: its model or arguments have changed since it was started; starting it anew")
        processes.stop(server.record_path, GRACE_S)
        _check_port(server)
        try:
            child = processes.start(
                command,
                log_path=server.log_path,
                record_path=server.record_path,
                env={**arguments.variables(server.model, cpus or _spare_cpus()), **server.variables},
                name=server.name,
                model=server.model,
                model_hash=model_hash,
                port=server.port,
                arguments=server.arguments,
                keep=keep,
                users=[] if keep else [_me()],
            )
            readiness.wait(_waiting(server), child.exit_code)
        except BaseException:
            processes.stop(server.record_path, GRACE_S)
            raise
    return True


def release(server: Server) -> bool:
    """This process is done with the server: stop it if nobody else uses or keeps it; was it stopped?"""
    with locked(server.record_path):
        record = processes.read(server.record_path)
        if record is None:
            return False
        users = [user for user in record["users"] if user != _me() and _lives(user)]
        if record["keep"] or users:
            write_json(server.record_path, {**record, "users": users})
            return False
        return processes.stop(server.record_path, GRACE_S)


def _behaviour(command: list[str]) -> list[str]:
    """The command without its share of the machine's memory, which changes nothing of what a server says."""
    share = "--gpu-memory-utilization"
    at = command.index(share) if share in command else len(command)
    return command[:at] + command[at + 2 :]


def _spare_cpus() -> list[int] | None:
    """The second half where another server of ours is up (it has the first processors), else vLLM's choice."""
    return processors.halves()[1] if any(processes.alive(path) for path in record_paths()) else None


def _waiting(server: Server) -> readiness.Waiting:
    return readiness.Waiting(server.name, server.root, server.log_path, server.ready_timeout_s)


def _check_port(server: Server) -> None:
    if ports.is_free(server.host, server.port):
        return
    ours = [path for path in record_paths() if (processes.read(path) or {}).get("port") == server.port]
    if ours and processes.alive(ours[0]):
        run = ours[0].parent.parent.name if ours[0].parent.name == "children" else None
        stop = f"python -m serve.down {run}" if run else f"python -m serve.down port={server.port}"
        raise UserError(
            f"port {server.port} is taken by {'run ' + repr(run) if run else 'a server'} that this project started",
            hint=f"`{stop}`, or another port: {server.port_option}",
        )
    raise UserError(
        f"port {server.port} is in use by {ports.holder(server.port)}",
        hint=f"stop it, or another port: {server.port_option}{server.port + 1}",
    )


@contextmanager
def locked(record_path: Path) -> Iterator[None]:
    """Two commands at once do not both start, or one stop what the other is about to use."""
    record_path.parent.mkdir(parents=True, exist_ok=True)
    with record_path.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _me() -> list[float]:
    return [os.getpid(), psutil.Process().create_time()]


def _lives(user: list[float]) -> bool:
    try:
        return abs(psutil.Process(int(user[0])).create_time() - user[1]) < processes.CREATE_TIME_TOLERANCE_S
    except psutil.Error:
        return False


def _enlist(server: Server, keep: bool) -> None:
    """Note that this process uses a server that was already up; `keep` makes it stay."""
    record = processes.read(server.record_path)
    if record is not None:
        users = [user for user in record["users"] if _lives(user)]
        users += [] if keep else [_me()]
        write_json(server.record_path, {**record, "keep": record["keep"] or keep, "users": users})
