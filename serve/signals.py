"""Being asked to end is being interrupted: what was started is stopped on the way out."""

from __future__ import annotations

import signal
from types import FrameType


def sigterm_as_interrupt() -> None:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP, so that one path of code cleans up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
