"""Running a command in the foreground, and being interrupted only once.

A terminal's Ctrl-C reaches every process of a pipeline at once, `kill` reaches one, and each passes it on to its
child: without care a process that is already cleaning up is interrupted again by its own parent.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from voicewright.core.errors import UserError

# Signals this soon after the first are the same wish, heard twice.
SAME_WISH_S = 3.0


def interruptible() -> None:
    """SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, so that one path of code cleans up; echoes do not."""
    heard_at = float("-inf")

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal heard_at
        now = time.monotonic()
        if now - heard_at > SAME_WISH_S:
            heard_at = now
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, 128 + n where signal n ended it, and the most memory one process took."""

    code: int
    peak_memory_mb: int


def run(command: Sequence[str | Path], cwd: Path | None = None) -> Ended:
    """Run a command to its end.

    Interrupted, it asks the child to end (SIGTERM) and waits until it has: what the child saves on its way out is
    what the next start goes on from. A second Ctrl-C does not wait.
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


def _wait(child: subprocess.Popen[bytes]) -> Ended:
    """Like child.wait(), with what the child and those it waited for used (ru_maxrss, KiB)."""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    return Ended(code, usage.ru_maxrss // 1024)
