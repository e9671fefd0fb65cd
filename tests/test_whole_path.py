"""The demo, from the manuscript to the decision, with the real engines."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import read_json, read_rows

pytestmark = pytest.mark.engine


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def make(target: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "VOICEWRIGHT_HOME": str(home), **variables}
    return subprocess.run(["make", target], cwd=REPO_DIR, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A finished demo in a folder of its own, on ports of its own."""
    home = tmp_path_factory.mktemp("home")
    baseline, finetuned = free_ports(2)
    ports = f"serve.baseline_port={baseline} serve.finetuned_port={finetuned}"
    result = make("demo", home, SET=ports, RUN="demo")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    os.environ["VOICEWRIGHT_HOME"] = str(home)
    yield Run("demo")
    del os.environ["VOICEWRIGHT_HOME"]


def figure(run: Run, measure: str, arm: str) -> dict[str, Any]:
    found: dict[str, Any] = read_json(run.voice_path)["measures"][measure]["arms"][arm]
    return found


def test_the_demo_ends_in_a_decision_and_a_report(demo: Run) -> None:
    decision = read_json(demo.decision_path)
    # The built-in judge shares the composite's features: alone it never says deploy.
    assert decision["decision"] in ("do not deploy", "not enough evidence")
    assert set(decision["targets"]) >= {"transfer", "vocabulary", "structure", "markers", "pov", "blind"}
    page = demo.report_path.read_text(encoding="utf-8")
    assert decision["sentence"].partition(": ")[2].capitalize() in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "<script src" not in page


def test_the_fine_tuned_model_is_closer_to_the_held_out_chapters_than_the_base(demo: Run) -> None:
    transfer = figure(demo, "transfer", "finetuned")
    assert transfer["status"] == "ok" and transfer["low"] > 0, transfer


def test_the_fine_tuned_model_finds_held_out_text_likelier(demo: Run) -> None:
    def bits_per_character(arm: str) -> float:
        rows = list(read_rows(demo.likelihood_path(arm)))
        return sum(float(row["bits"]) for row in rows) / sum(int(row["chars"]) for row in rows)

    assert bits_per_character("finetuned") < bits_per_character("baseline") - 0.05


def test_the_fine_tuned_model_writes_more_second_person(demo: Run) -> None:
    tuned, base = figure(demo, "you_per_1000", "finetuned"), figure(demo, "you_per_1000", "baseline")
    assert tuned["value"] > base["value"], (tuned, base)


def test_the_merged_model_was_proven_to_be_the_trained_one(demo: Run) -> None:
    parity = read_json(demo.merged_dir / "voicewright.json")["parity"]
    assert parity["tensors"] > 50 and parity["mean_abs_nats"] < 0.02 < parity["adapter_moved_nats"]
    # QLoRA's merge holds the base as 4 bits rounded it: the adapter on the whole base is another model, not far off.
    assert parity["mean_abs_nats"] < parity["unquantised_gap_nats"] < parity["adapter_moved_nats"]
    assert f"{parity['unquantised_gap_nats']:.4f} nats" in (demo.merged_dir / "model_card.md").read_text("utf-8")


def test_the_manifest_holds_every_stage(demo: Run) -> None:
    from voicewright.pipeline.stages import STAGES

    assert list(read_json(demo.manifest_path)) == [stage.name for stage in STAGES]


def test_nothing_is_left_running(demo: Run) -> None:
    assert list(demo.child_path("x").parent.glob("*.json")) == []


def test_a_second_demo_does_nothing(demo: Run) -> None:
    result = make("demo", demo.dir.parent.parent, RUN="demo")
    assert result.returncode == 0 and "up to date" in result.stdout, result.stdout + result.stderr
    assert "---" not in result.stdout


def test_a_placebo_is_caught(demo: Run) -> None:
    """The baseline's generations under the fine-tuned arm's name, with nothing else changed: the last test here."""
    rows = [{**row, "arm": "finetuned"} for row in read_rows(demo.generations_path("baseline"))]
    placebo = Run("placebo")
    shutil.copytree(demo.dir, placebo.dir)
    shutil.copytree(demo.merged_dir, placebo.merged_dir)
    text = placebo.recipe_path.read_text(encoding="utf-8").replace("run: demo", "run: placebo")
    placebo.recipe_path.write_text(text, encoding="utf-8")
    from voicewright.core.records import write_rows

    write_rows(placebo.generations_path("finetuned"), rows)
    for stage in ("voice", "pair", "judge", "verdict", "decide"):
        command = [sys.executable, "-m", "voicewright.pipeline.worker", stage, "placebo"]
        subprocess.run(command, cwd=REPO_DIR, check=True, capture_output=True)
    transfer = figure(placebo, "transfer", "finetuned")
    assert transfer["status"] != "ok" or transfer["low"] <= 0 <= transfer["high"], transfer
    assert read_json(placebo.decision_path)["decision"] != "deploy"
