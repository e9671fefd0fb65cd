"""Servers come up, say why when they don't, and are ended exactly, whatever became of whoever started them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from voicewright.core import environments, processes
from voicewright.core.errors import UserError
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import read_json
from voicewright.recipe import recipes
from voicewright.serving import arguments
from voicewright.serving import server as servers

# The commands as they are, but with a stand-in for vLLM, so that nothing is installed or loaded.
DRIVER = """
import pathlib, sys
from voicewright.cli.main import cli
from voicewright.core import environments
environments.python = lambda name: pathlib.Path(sys.executable)
cli.main(sys.argv[1:])
"""
# What a stage does: serve the baseline of a run while a command runs, and pass on its exit code.
WHILE_SERVED = """
import pathlib, sys
from voicewright.core import environments, processes
from voicewright.core.errors import exits_cleanly
from voicewright.recipe import recipes
from voicewright.serving.endpoints import while_served
environments.python = lambda name: pathlib.Path(sys.executable)
@exits_cleanly
def main():
    processes.interruptible()
    with while_served(recipes.load(sys.argv[1]), "baseline"):
        code = processes.run(sys.argv[2:]).code
    sys.exit(code)
main()
"""
MODEL = str(REPO_DIR / "models" / "tiny-base")


@pytest.fixture(autouse=True)
def pretend(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PYTHONPATH", str(REPO_DIR / "tests" / "serving" / "pretend"))
    monkeypatch.setenv("ACCEL", "cpu")
    yield
    for path in home.glob("runs/**/*.json"):
        if path.parent.name in ("children", ".servers"):
            processes.stop(path, 0.2)


@pytest.fixture
def port() -> int:
    return free_port()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(name: str, *words: str) -> list[str]:
    code = WHILE_SERVED if name == "while_served" else DRIVER
    return [sys.executable, "-c", code, *([] if name == "while_served" else [name]), *words]


def call(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(name, *words), cwd=REPO_DIR, capture_output=True, text=True, timeout=60, check=False)


def wait_for(condition: Callable[[], object], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def engine_of(log_path: Path) -> psutil.Process:
    """The stand-in's own child."""
    wait_for(lambda: log_path.exists() and "engine " in log_path.read_text())
    found = re.search(r"engine (\d+)", log_path.read_text())
    assert found
    return psutil.Process(int(found.group(1)))


def gone(child: psutil.Process) -> bool:
    return not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=2):
            return True
    except OSError:
        return False


def begin(port: int, *overrides: str) -> Run:
    """A run `r` whose baseline has this port."""
    recipes.freeze(recipes.compose("demo", [f"serve.baseline_port={port}", *overrides], run="r"))
    return Run("r")


def test_up_says_where_and_how_to_try_and_a_second_up_that_it_is_there(home: Path, port: int) -> None:
    first = call("serve", MODEL, f"port={port}")
    assert first.returncode == 0, first.stderr
    assert f"http://127.0.0.1:{port}/v1" in first.stdout
    assert f"curl http://127.0.0.1:{port}/v1/completions" in first.stdout
    second = call("serve", MODEL, f"port={port}")
    assert second.returncode == 0
    assert "already up" in second.stdout
    engine = engine_of(home / "runs" / ".servers" / f"{port}.log")
    down = call("stop", f"port={port}")
    assert "stopped tiny-base" in down.stdout
    assert gone(engine)
    assert not answers(port)
    assert "no such server" in call("stop", "all=1").stdout


@pytest.mark.slow
def test_down_of_one_run_leaves_the_others(home: Path, port: int) -> None:
    other = free_port()
    begin(port)
    call("serve", "r", "arm=baseline")
    call("serve", MODEL, f"port={other}")
    assert "stopped baseline" in call("stop", "r").stdout
    assert not answers(port)
    assert answers(other)
    begin(port)
    call("serve", "r", "arm=baseline")
    refused = call("stop")
    assert refused.returncode == 2 and answers(port) and answers(other)
    for line in (f"tiny-base on port {other}: make stop PORT={other}", f"baseline on port {port}: make stop RUN=r"):
        assert line in refused.stdout
    assert call("stop", "all=1").stdout.count("stopped") == 2
    assert not answers(other) and not answers(port)


@pytest.mark.slow
def test_a_port_that_was_chosen_and_is_in_use_names_who_has_it_and_a_command_that_works(port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        result = call("serve", MODEL, f"port={port}")
        assert result.returncode == 2
        assert f"port {port} is in use by" in result.stderr
        assert f"(pid {os.getpid()})" in result.stderr
        _, _, hint = result.stderr.strip().rpartition("Hint: make ")
        assert call(*hint.split()).returncode == 0
    call("stop", "all=1")
    begin(port)
    call("serve", "r", "arm=baseline")
    result = call("serve", MODEL, f"port={port}")
    assert f"port {port} is in use by the server of run 'r'" in result.stderr
    assert "make stop RUN=r, or make serve FOLDER=" in result.stderr


def test_a_port_that_nobody_chose_and_is_in_use_gives_way_to_the_next_free_one(home: Path) -> None:
    recipes.freeze(recipes.compose("demo", [], run="r"))
    recipe = recipes.load("r")
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # it may be taken already
            taken.bind(("127.0.0.1", recipe.serve.baseline_port))
            taken.listen()
        result = call("serve", "r", "arm=baseline")
        assert result.returncode == 0, result.stderr
        record = servers.read_record(Run("r").child_path("serve-baseline"))
        assert record is not None and record.port > recipe.serve.baseline_port and answers(record.port)
        assert f"port {recipe.serve.baseline_port} is in use by" in result.stderr
        assert f"baseline is served on port {record.port}" in result.stderr
        # Whoever asks the arm finds it there, and a second start does too.
        url = f"http://127.0.0.1:{record.port}/v1"
        assert servers.url_of(recipe, "baseline") == servers.url_of(recipe, "prompted") == url
        assert servers.current_url(recipe, recipe.serve.url("baseline")) == url
        assert servers.current_url(recipe, "http://else:8000/v1") == "http://else:8000/v1"
        assert "already up" in call("serve", "r", "arm=baseline").stdout
        assert call("while_served", "r", "true").returncode == 0 and answers(record.port)
        assert "stopped baseline" in call("stop", "r").stdout
        assert servers.url_of(recipe, "baseline") == recipe.serve.url("baseline")


@pytest.mark.slow
def test_two_models_without_a_run_have_a_port_each_and_are_found_again(home: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("{}")
    for target in (MODEL, str(tmp_path / "other")):
        assert call("serve", target).returncode == 0
        assert "already up" in call("serve", target).stdout
    records = [servers.read_record(path) for path in servers.record_paths()]
    assert len({record.port for record in records if record}) == 2
    # A port that is chosen is another server.
    chosen = free_port()
    assert "up after" in call("serve", MODEL, f"port={chosen}").stdout and answers(chosen)


def test_a_crash_shows_the_telling_line_and_the_way_out(home: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRETEND", "crash")
    result = call("serve", MODEL, f"port={port}")
    assert result.returncode == 2
    assert "ValueError: Free memory on device" in result.stderr
    assert "gpu_memory_utilization" in result.stderr.splitlines()[-1]
    assert "Traceback (most recent call last):" not in result.stderr.splitlines()[0]
    assert not list((home / "runs" / ".servers").glob("*.json"))


@pytest.mark.slow
def test_a_server_that_never_gets_ready_is_stopped(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRETEND", "hang")
    run = begin(port, "serve.ready_timeout_s=1")
    result = call("serve", "r", "arm=baseline")
    assert result.returncode == 2
    assert "not ready after 1 s" in result.stderr
    assert "ready_timeout_s" in result.stderr
    assert gone(engine_of(run.logs_dir / "serve-baseline.log"))
    assert not run.child_path("serve-baseline").exists()


def test_down_ends_everything_after_kill_9_of_up(home: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRETEND", "hang")
    up = subprocess.Popen(command("serve", MODEL, f"port={port}"), cwd=REPO_DIR)
    engine = engine_of(home / "runs" / ".servers" / f"{port}.log")
    up.send_signal(signal.SIGKILL)
    up.wait()
    assert not gone(engine)
    assert "stopped" in call("stop", f"port={port}").stdout
    assert gone(engine)


@pytest.mark.slow
def test_down_ends_the_engine_of_a_server_that_was_killed(home: Path, port: int) -> None:
    call("serve", MODEL, f"port={port}")
    engine = engine_of(home / "runs" / ".servers" / f"{port}.log")
    os.kill(read_json(home / "runs" / ".servers" / f"{port}.json")["pid"], signal.SIGKILL)
    wait_for(lambda: not answers(port))
    assert not gone(engine)
    assert "stopped" in call("stop", f"port={port}").stdout
    assert gone(engine)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_interrupted_while_loading_leaves_nothing(
    home: Path, port: int, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETEND", "hang")
    up = subprocess.Popen(command("serve", MODEL, f"port={port}"), cwd=REPO_DIR, stderr=subprocess.DEVNULL)
    engine = engine_of(home / "runs" / ".servers" / f"{port}.log")
    up.send_signal(number)
    assert up.wait(15) == 130
    assert gone(engine)


@pytest.mark.slow
def test_a_model_that_changed_is_served_anew(home: Path, port: int, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    call("serve", str(model), f"port={port}")
    before = read_json(home / "runs" / ".servers" / f"{port}.json")["pid"]
    (model / "config.json").write_text('{"a": 1}')
    result = call("serve", str(model), f"port={port}")
    assert "have changed" in result.stderr
    assert read_json(home / "runs" / ".servers" / f"{port}.json")["pid"] != before


def test_while_served_passes_the_exit_code_and_stops_only_what_it_started(port: int) -> None:
    run = begin(port)
    look = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/v1/models'); raise SystemExit(7)"
    assert call("while_served", "r", sys.executable, "-c", look).returncode == 7
    assert not answers(port)
    assert not run.child_path("serve-baseline").exists()
    call("serve", "r", "arm=baseline")
    assert call("while_served", "r", sys.executable, "-c", look).returncode == 7
    assert answers(port)


@pytest.mark.slow
def test_while_served_interrupted_ends_the_command_and_the_server(port: int, tmp_path: Path) -> None:
    run = begin(port)
    pid_path = tmp_path / "pid"
    script = f"import os, time; open({str(pid_path)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    serving = subprocess.Popen(
        command("while_served", "r", sys.executable, "-c", script), cwd=REPO_DIR, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: pid_path.exists() and pid_path.read_text())
    worker = psutil.Process(int(pid_path.read_text()))
    engine = engine_of(run.logs_dir / "serve-baseline.log")
    serving.terminate()
    assert serving.wait(15) == 130
    assert gone(worker)
    assert gone(engine)


@pytest.mark.slow
def test_a_server_is_stopped_by_its_last_user_even_if_an_earlier_one_was_killed(port: int, tmp_path: Path) -> None:
    run = begin(port)
    waiting = [sys.executable, "-c", f"import time, pathlib; p = pathlib.Path({str(tmp_path / 'go')!r})\n"
               "while not p.exists(): time.sleep(0.02)"]  # fmt: skip
    first = subprocess.Popen(command("while_served", "r", *waiting), cwd=REPO_DIR)
    wait_for(lambda: answers(port))
    second = subprocess.Popen(command("while_served", "r", *waiting), cwd=REPO_DIR)
    wait_for(lambda: len((processes.read(run.child_path("serve-baseline")) or {"users": []})["users"]) == 2)
    assert call("while_served", "r", "true").returncode == 0
    assert answers(port)
    first.kill()
    first.wait()
    assert answers(port)
    (tmp_path / "go").touch()
    assert second.wait(15) == 0
    assert not answers(port)


@pytest.mark.slow
def test_what_is_not_there_yet_says_what_to_do(port: int) -> None:
    begin(port)
    with pytest.raises(UserError, match="make serve RUN=r ARM=baseline, which needs no training"):
        servers.of_run(recipes.load("r"), "finetuned")
    assert "no arm 'fintuned'" in call("serve", "r", "arm=fintuned").stderr
    assert "expected the name of a run or recipe, or a folder" in call("serve", "./nowhere").stderr
    assert "expected a number" in call("serve", MODEL, "port=eighty").stderr
    assert "error: no-such-program" in call("while_served", "r", "no-such-program").stderr


@pytest.mark.slow
def test_an_external_endpoint_is_checked_and_nothing_started(home: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}/v1"
    begin(port, "serve=external", f"serve.baseline_url={url}")
    result = call("while_served", "r", "true")
    assert result.returncode == 2
    assert f"nothing answers at {url}" in result.stderr
    call("serve", MODEL, f"port={port}")
    assert call("while_served", "r", "false").returncode == 1
    assert f"answers at {url}" in call("serve", "r", "arm=baseline").stdout
    assert not (home / "runs" / "r" / "children" / "serve-baseline.json").exists()


def test_arguments_are_spelt_as_vllm_reads_them() -> None:
    given = {
        "max_model_len": 8,
        "enforce_eager": True,
        "enable_prefix_caching": False,
        "disable_log_stats": False,
        "quantization": None,
        "served": ["a", "b"],
        "limit_mm_per_prompt": {"image": 0},
    }
    assert arguments.as_flags(given) == [
        "--max-model-len", "8", "--enforce-eager", "--no-enable-prefix-caching",
        "--served", "a", "b", "--limit-mm-per-prompt", '{"image": 0}',
    ]  # fmt: skip


def test_the_recipe_wins_over_the_defaults_for_a_cpu() -> None:
    words = arguments.command(Path("p"), "m", "n", "127.0.0.1", 1, {"enforce_eager": False, "port": 9})
    assert "--no-enforce-eager" in words
    assert "--enforce-eager" not in words
    assert words[words.index("--port") + 1] == "1"


def test_two_servers_share_one_accelerator_or_have_one_each(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(environments, "accelerator", lambda: "cuda")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    one = servers.of_path(MODEL, 8000)
    two = dataclasses.replace(one, arguments={"gpu_memory_utilization": 0.8})
    shared = servers.share_accelerators([one, two], 1)
    assert [server.arguments["gpu_memory_utilization"] for server in shared] == [0.45, 0.4]
    apart = servers.share_accelerators([one, two], 2)
    assert [server.variables["CUDA_VISIBLE_DEVICES"] for server in apart] == ["0", "1"]
    assert [server.arguments for server in apart] == [{}, {"gpu_memory_utilization": 0.8}]
    wide = dataclasses.replace(one, arguments={"tensor_parallel_size": 2})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    assert [s.variables["CUDA_VISIBLE_DEVICES"] for s in servers.share_accelerators([wide, wide], 4)] == ["4,5", "6,7"]


def test_a_share_of_the_memory_does_not_make_another_server_of_it() -> None:
    command = ["p", "--gpu-memory-utilization", "0.45", "--port", "1"]
    assert servers._behaviour(command) == servers._behaviour(["p", "--port", "1"])
    assert servers._behaviour(command) != servers._behaviour(["p", "--port", "2"])
