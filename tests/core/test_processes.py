"""Children are ended exactly: all of what was started, and never anybody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from voicewright.core import processes
from voicewright.core.records import read_json, write_json

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
# A parent with a child that ignores SIGTERM and has left the session.
STUBBORN = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; "
    "subprocess.Popen([sys.executable, '-c', 'import signal, time; "
    'signal.signal(signal.SIGTERM, signal.SIG_IGN); print("deaf", flush=True); time.sleep(60)\'], '
    "start_new_session=True); time.sleep(60)",
]


def wait_for(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def test_a_child_is_recorded_and_stopped(tmp_path: Path) -> None:
    record_path, log_path = tmp_path / "c.json", tmp_path / "c.log"
    child = processes.start(SLEEPER, log_path=log_path, record_path=record_path, port=8000)
    record = read_json(record_path)
    assert record["pid"] == child.pid
    assert record["port"] == 8000
    assert os.getsid(child.pid) == child.pid
    assert processes.alive(record_path)
    assert processes.stop(record_path)
    assert child.exit_code() == -signal.SIGTERM
    assert not record_path.exists()
    assert not processes.stop(record_path)


def test_a_descendant_that_left_the_session_and_ignores_sigterm_is_ended_too(tmp_path: Path) -> None:
    record_path, log_path = tmp_path / "c.json", tmp_path / "c.log"
    child = processes.start(STUBBORN, log_path=log_path, record_path=record_path)
    wait_for(lambda: "deaf" in log_path.read_text())
    descendants = psutil.Process(child.pid).children(recursive=True)
    assert len(descendants) == 1
    assert processes.stop(record_path, grace_s=0.3)
    wait_for(lambda: not any(processes._runs(p) for p in descendants))


def test_members_are_found_after_their_leader_was_killed(tmp_path: Path) -> None:
    record_path, log_path = tmp_path / "c.json", tmp_path / "c.log"
    child = processes.start(["sh", "-c", "sleep 60 & echo up; wait"], log_path=log_path, record_path=record_path)
    wait_for(lambda: log_path.read_text() == "up\n")
    (sleeper,) = psutil.Process(child.pid).children()
    os.kill(child.pid, signal.SIGKILL)
    child.popen.wait()
    assert processes.alive(record_path)
    assert processes.stop(record_path)
    wait_for(lambda: not processes._runs(sleeper))


def test_a_recycled_pid_is_never_killed(tmp_path: Path) -> None:
    record_path, log_path = tmp_path / "c.json", tmp_path / "c.log"
    child = processes.start(SLEEPER, log_path=log_path, record_path=record_path)
    record = read_json(record_path)
    processes.stop(record_path)
    child.popen.wait()
    time.sleep(0.1)
    bystander = subprocess.Popen(SLEEPER, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        write_json(record_path, {**record, "pid": bystander.pid})
        assert not processes.alive(record_path)
        assert not processes.stop(record_path, grace_s=0.1)
        assert bystander.poll() is None
        assert not record_path.exists()
    finally:
        bystander.kill()
        bystander.wait()


def test_a_child_whose_starter_died_before_it_wrote_the_pid_is_found(tmp_path: Path) -> None:
    record_path, log_path = tmp_path / "c.json", tmp_path / "c.log"
    child = processes.start(SLEEPER, log_path=log_path, record_path=record_path)
    wait_for(lambda: log_path.read_text() == "up\n")
    write_json(record_path, {**read_json(record_path), "pid": None, "create_time": None})
    assert processes.stop(record_path)
    assert child.popen.wait(5) == -signal.SIGTERM


def test_a_child_outlives_kill_9_of_its_starter_and_is_ended_by_its_record(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time, pathlib; from voicewright.core import processes as process; "
            f"d = pathlib.Path({str(tmp_path)!r}); "
            f"process.start({SLEEPER!r}, log_path=d/'c.log', record_path=d/'c.json'); time.sleep(60)",
        ]
    )
    wait_for(lambda: (tmp_path / "c.log").exists() and (tmp_path / "c.log").read_text() == "up\n")
    starter.kill()
    starter.wait()
    assert processes.alive(tmp_path / "c.json")
    assert processes.stop(tmp_path / "c.json")
    assert not processes.alive(tmp_path / "c.json")


def test_a_command_that_does_not_exist_leaves_no_record(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        processes.start([str(tmp_path / "no")], log_path=tmp_path / "l", record_path=tmp_path / "c.json")
    assert not (tmp_path / "c.json").exists()


def test_a_log_tells_its_errors_once_and_the_last_state_of_a_progress_bar(tmp_path: Path) -> None:
    log_path = tmp_path / "c.log"
    log_path.write_text("loading\n 1%\r 50%\r100%\nValueError: head size 8\nValueError: head size 8\nbye\n")
    assert processes.tail(log_path) == ["ValueError: head size 8"]
    log_path.write_text("loading\n 1%\r 50%\r100%\nbye\n")
    assert processes.tail(log_path) == ["loading", "100%", "bye"]
    assert processes.tail(tmp_path / "absent") == []
