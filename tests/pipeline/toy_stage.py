"""A stage for test_runner: copies its input to its output, counts its runs, fails or dies when told to."""

from __future__ import annotations

import os
import signal
import sys

from voicewright.core.paths import Run
from voicewright.core.records import write_text

name, run = sys.argv[1], Run(sys.argv[2])
counter = run.dir / f"{name}.count"
write_text(counter, str(int(counter.read_text() if counter.exists() else 0) + 1))
trouble = run.dir / f"{name}.trouble"
if trouble.exists():
    kind = trouble.read_text()
    trouble.unlink()
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(int(kind))
source = {"a": run.dir / "source.txt", "b": run.dir / "a.txt", "c": run.dir / "b.txt"}[name]
write_text(run.dir / f"{name}.txt", source.read_text() + name)
