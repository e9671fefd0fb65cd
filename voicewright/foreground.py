"""Running a command in the foreground, and being interrupted only once.

A terminal's Ctrl-C reaches every process of a pipeline at once, `kill` reaches one, and each passes it on to its
child: without care a process that is already cleaning up is interrupted again by its own parent.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from voicewright.errors import UserError

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


def run(command: Sequence[str | Path], cwd: Path | None = None) -> int:
    """Run a command to its end and return its exit code; 128 + n where signal n ended it, as a shell says it.

    Interrupted, it asks the child to end (SIGTERM) and waits until it has: what the child saves on its way out is
    what the next start goes on from. A second Ctrl-C does not wait.
    """
    try:
        child = subprocess.Popen([str(word) for word in command], cwd=cwd)
    except OSError as error:
        raise UserError(f"{command[0]}: {error.strerror}") from None
    try:
        code = child.wait()
    except KeyboardInterrupt:
        child.terminate()
        try:
            child.wait()
        except KeyboardInterrupt:
            child.kill()
            child.wait()
            raise
        raise
    return code if code >= 0 else 128 - code
