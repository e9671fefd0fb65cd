"""Child processes: run in the foreground, or started in the background and still ended exactly after a crash.

A record on disk identifies a background child: its pid and time of creation (a pid alone is recycled), a random
token that it carries in its environment (found even where the starter died before it could write the pid down),
and the log that it writes to. Only processes that match these are ever signalled.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from voicewright.core.errors import UserError
from voicewright.core.records import read_json, write_json

# Signals this soon after the first are the same interruption: a terminal's Ctrl-C reaches every process of a pipeline
# at once, `kill` reaches one, and each passes it on to its child. A process that is already cleaning up must not be
# interrupted again by its own parent.
REPEATED_SIGNAL_S = 3.0

TOKEN_VARIABLE = "VOICEWRIGHT_CHILD"  # an identity, not a secret
# Two clock ticks. A corrected clock moves the boot time that psutil counts from by more than that: the log
# and the token still tell the child then.
CREATE_TIME_TOLERANCE_S = 0.02
ERROR_LINE = re.compile(
    r"\b\w*(Error|Exception|Killed|Traceback|Interrupt)\b|out of memory|address already in use|"
    r"no such file|not supported|no space left|segmentation fault|\bERROR\b|\bFATAL\b|\bfailed\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Child:
    """A process that this one started, in a session of its own."""

    pid: int
    record_path: Path
    log_path: Path
    popen: subprocess.Popen[bytes]

    def exit_code(self) -> int | None:
        """Its exit code (minus the signal that ended it), or None while it runs."""
        return self.popen.poll()


@dataclass(frozen=True)
class Exit:
    """How a foreground command ended."""

    code: int
    """Its exit code, 128 + n where signal n ended it."""
    peak_memory_mb: int
    """The most memory that one of its processes took, in MiB."""


def start(
    command: Sequence[str],
    *,
    log_path: Path,
    record_path: Path,
    env: Mapping[str, str] | None = None,
    append: bool = False,
    **fields: Any,
) -> Child:
    """Start `command` in its own session, its output in `log_path`, its identity in `record_path`.

    `env` is added to this process's environment; `fields` are kept in the record. A child that a former
    record names is not touched: ask `alive` or `stop` first.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "pid": None,
        "create_time": None,
        "token": secrets.token_hex(16),
        "command": list(command),
        "log": str(log_path),
        **fields,
    }
    # Written before the start, so that a starter killed right after it still leaves the token behind.
    write_json(record_path, record)
    try:
        with log_path.open("ab" if append else "wb") as log:
            popen = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {}), TOKEN_VARIABLE: str(record["token"])},
                start_new_session=True,
            )
    except OSError:
        record_path.unlink(missing_ok=True)
        raise
    record |= {"pid": popen.pid, "create_time": psutil.Process(popen.pid).create_time()}
    write_json(record_path, record)
    return Child(popen.pid, record_path, log_path, popen)


def read(record_path: Path) -> dict[str, Any] | None:
    """The record, or None where there is none."""
    try:
        record: dict[str, Any] = read_json(record_path)
    except FileNotFoundError:
        return None
    return record


def alive(record_path: Path) -> bool:
    """Does anything of the recorded child still run?"""
    record = read(record_path)
    return record is not None and bool(_members(record))


def stop(record_path: Path, grace_s: float = 20.0) -> bool:
    """End the recorded child and everything it started, then remove the record; was anything running?

    SIGTERM first, to the child alone if it lives, since it knows how to end its own (a trainer whose data workers
    are ended under it dies before it has saved); SIGKILL for what is left after `grace_s` seconds.
    """
    record = read(record_path)
    if record is None:
        return False
    members = _members(record)
    leader = [process for process in members if process.pid == record["pid"]]
    deadline = time.monotonic() + grace_s
    _signal(leader, signal.SIGTERM)
    _wait_for_all(leader, deadline)
    # What outlives its parent was left behind by it: nobody else will tell it to end.
    rest = _members(record)
    _signal(rest, signal.SIGTERM)
    _wait_for_all(rest, deadline)
    # A child may fork while it is being ended: look again until nothing is left.
    while survivors := _members(record):
        _signal(survivors, signal.SIGKILL)
        time.sleep(0.05)
    record_path.unlink(missing_ok=True)
    return bool(members)


def run(command: Sequence[str | Path], cwd: Path | None = None) -> Exit:
    """Run a command in the foreground, to its end.

    Interrupted, it asks the child to end (SIGTERM) and waits until it has: what the child saves on its way out is
    what the next start continues from. A second Ctrl-C kills it. Raises UserError where it cannot be started.
    """
    try:
        child = subprocess.Popen([str(word) for word in command], cwd=cwd)
    except OSError as error:
        raise UserError(f"{command[0]}: {error.strerror}") from None
    try:
        return _wait(child)
    except KeyboardInterrupt:
        child.terminate()
        try:
            _wait(child)
        except KeyboardInterrupt:
            child.kill()
            _wait(child)
        raise


def interruptible() -> None:
    """Let SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt once, so that one path of code cleans up."""
    last_signal_at = float("-inf")

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal last_signal_at
        now = time.monotonic()
        if now - last_signal_at > REPEATED_SIGNAL_S:
            last_signal_at = now
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def tail(log_path: Path, count: int = 12) -> list[str]:
    """The last lines of a log that name an error; its last lines where none does."""
    if not log_path.exists():
        return []
    with log_path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2**18))
        text = file.read().decode("utf-8", "replace")
    # A progress bar rewrites one line with carriage returns: only its last state counts.
    lines = [line.rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines if line.strip()]
    errors = [line for line in lines if ERROR_LINE.search(line)]
    return list(dict.fromkeys(errors))[-count:] or lines[-count:]


def _wait(child: subprocess.Popen[bytes]) -> Exit:
    """Like child.wait(), with the peak memory of the child and those it waited for (ru_maxrss, KiB)."""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    return Exit(code, usage.ru_maxrss // 1024)


def _members(record: Mapping[str, Any]) -> list[psutil.Process]:
    """All living processes of a record: its session, and whoever carries its token."""
    pid = record["pid"]
    leader_is_ours = pid is not None and _is_leader(record)
    members = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if not _runs(process):
                continue
            in_session = pid is not None and os.getsid(process.pid) == pid
            # Without its leader a session's number may be somebody else's by now: the log tells.
            if (in_session and (leader_is_ours or _writes_to(process, record["log"]))) or _carries(
                process, record["token"]
            ):
                members.append(process)
    return members


def _is_leader(record: Mapping[str, Any]) -> bool:
    """Is the process with the recorded pid the one that was started, and not one that got its number?"""
    try:
        created = psutil.Process(record["pid"]).create_time()
    except psutil.Error:
        return False
    return abs(created - float(record["create_time"])) < CREATE_TIME_TOLERANCE_S


def _carries(process: psutil.Process, token: str) -> bool:
    try:
        return process.environ().get(TOKEN_VARIABLE) == token
    except (psutil.Error, OSError):
        return False


def _writes_to(process: psutil.Process, log: str) -> bool:
    try:
        return any(file.path == log for file in process.open_files())
    except (psutil.Error, OSError):
        return False


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.Error:
        return False


def _wait_for_all(processes: Sequence[psutil.Process], deadline: float) -> None:
    while any(_runs(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            # send_signal compares pid and creation time once more before it signals.
            process.send_signal(number)
