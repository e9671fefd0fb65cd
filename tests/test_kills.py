"""A run that is killed in its long stages goes on, finishes, and does nothing twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.test_whole_path import free_ports
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import read_json, read_rows

pytestmark = pytest.mark.engine

SMALL = "axolotl.max_steps=24 axolotl.save_steps=8 axolotl.eval_steps=8 axolotl.saves_per_epoch=null \
axolotl.evals_per_epoch=null eval.prompts=[] eval.openings=6 eval.samples=2 eval.max_words=40"


class Attempt:
    """One `make all`, killed at a moment or left to finish."""

    def __init__(self, env: dict[str, str], log_path: Path) -> None:
        self.log_path = log_path
        self.process = subprocess.Popen(
            ["make", "all", "RECIPE=demo"],
            cwd=REPO_DIR,
            env=env,
            stdout=log_path.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def said(self) -> str:
        return self.log_path.read_text(encoding="utf-8")

    def until(self, moment: str, timeout_s: float = 600) -> None:
        deadline = time.monotonic() + timeout_s
        while moment not in self.said():
            assert self.process.poll() is None and time.monotonic() < deadline, self.said()[-3000:]
            time.sleep(0.05)

    def kill(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        self.process.wait()


def test_killed_while_it_generates_and_while_it_trains_a_run_goes_on(tmp_path: Path) -> None:
    baseline, finetuned = free_ports(2)
    ports = f" serve.baseline_port={baseline} serve.finetuned_port={finetuned}"
    env = {**os.environ, "VOICEWRIGHT_HOME": str(tmp_path), "RUN": "killed", "SET": SMALL + ports}
    run_dir = tmp_path / "runs" / "killed"

    attempt = Attempt(env, tmp_path / "1.log")
    attempt.until("prompted: ")  # the baseline's texts are there, the prompted arm's are coming
    attempt.kill(signal.SIGKILL)
    written = {row["id"]: row for row in read_rows(run_dir / "generations" / "baseline.jsonl")}

    attempt = Attempt(env, tmp_path / "2.log")
    attempt.until("step 8:")
    attempt.kill(signal.SIGKILL)
    assert "baseline: 12 generations, none asked" in attempt.said()
    assert "train" not in read_json(run_dir / "manifest.json")

    attempt = Attempt(env, tmp_path / "3.log")
    attempt.until("step 1", timeout_s=300)
    attempt.kill(signal.SIGINT)
    assert attempt.process.returncode != 0
    assert "--- baseline" not in attempt.said()
    assert "train" not in read_json(run_dir / "manifest.json")

    attempt = Attempt(env, tmp_path / "4.log")
    assert attempt.process.wait() == 0, attempt.said()[-3000:]
    assert "--- prepare" not in attempt.said() and "resuming from" in attempt.said()
    events = list(read_rows(run_dir / "adapter" / "events.jsonl"))
    ending = [row for row in events if row["event"] == "end"][-1]
    assert (ending["step"], ending["reason"], events[-1]["event"]) == (24, "finished", "saved")
    assert {row["id"]: row for row in read_rows(run_dir / "generations" / "baseline.jsonl")} == written
    os.environ["VOICEWRIGHT_HOME"] = str(tmp_path)
    try:
        assert Run("killed").report_path.exists()
    finally:
        del os.environ["VOICEWRIGHT_HOME"]
    left = [p for p in psutil.process_iter(["environ"]) if str(tmp_path) in str((p.info["environ"] or {}).values())]
    assert [p for p in left if p.pid != os.getpid() and p.ppid() != os.getpid()] == []
