"""The real vLLM, with the embedded model: one server for all of these tests."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.serving import tiny_adapter
from voicewright.core import processes
from voicewright.core.paths import REPO_DIR, SAMPLE_DIR, Run
from voicewright.core.records import Row, read_json, read_rows, write_json, write_rows
from voicewright.generation import lm_eval
from voicewright.metrics import forgetting, samples
from voicewright.recipe import recipes
from voicewright.serving import endpoint
from voicewright.serving.client import Client, ClientSettings

pytestmark = [pytest.mark.engine, pytest.mark.slow]

# The author is the sample manuscript's; the run keeps its data, its adapters and the server's record.
SETTINGS = ["eval.prompts=[narrative]", "eval.openings=6", "eval.samples=2", "eval.max_words=60", "eval.concurrency=32"]


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=REPO_DIR, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A prepared run with three adapters, served with its base for the length of the module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEWRIGHT_HOME", str(tmp_path_factory.mktemp("home")))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        recipes.freeze(recipes.compose("demo", [f"serve.adapters_port={port}", *SETTINGS], run="e"))
        run = Run("e")
        lay_out(run)
        tiny_adapter.write(run.adapter_dir / "checkpoint-2", seed=2, scale=0.0)
        tiny_adapter.write(run.adapter_dir / "checkpoint-10", seed=10, rank=16)
        tiny_adapter.write(run.adapter_dir, seed=10, rank=16)
        result = call("serve.up", "e", "arm=checkpoints")
        assert result.returncode == 0, result.stdout + result.stderr
        yield run
        members = processes._members(read_json(run.child_path("serve-adapters")))
        assert len(members) >= 2
        assert "stopped" in call("serve.down", "e").stdout
        assert not [m for m in members if m.is_running() and m.status() != psutil.STATUS_ZOMBIE]


def lay_out(run: Run) -> None:
    """Rows as `prepare` makes them, from the sample manuscript: a paragraph or more of at least 150 words each."""
    rows: list[Row] = []
    for path in sorted(SAMPLE_DIR.glob("*.md"))[:4]:
        text = ""
        for paragraph in path.read_text(encoding="utf-8").split("\n\n"):
            text += paragraph + "\n\n"
            if len(text.split()) >= 150:
                rows.append({"id": f"r{len(rows)}", "source": f"{path.name}:{len(rows)}", "work": "w",
                             "section": path.name, "tokens": 0, "text": text})  # fmt: skip
                text = ""
    write_rows(run.rows_path("completion", "train"), rows[8:])
    write_rows(run.rows_path("completion", "heldout"), rows[:8])
    write_json(run.stats_path, {"format": {"shape": "completion", "prompt": "raw", "system": None}})


def url(run: Run) -> str:
    return recipes.load(run.name).serve.url("checkpoint-2")


def generated(run: Run, arm: str) -> list[Row]:
    return list(read_rows(run.generations_path(arm)))


def generate(run: Run, arms: str, *more: str) -> str:
    result = call("benchmarks.generate", run.name, f"arm={arms}", *more)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def offered(run: Run) -> list[str]:
    with urllib.request.urlopen(url(run) + "/models") as response:
        return [entry["id"] for entry in json.loads(response.read())["data"]]


def test_the_base_and_each_checkpoint_answer_under_their_names(run: Run) -> None:
    assert sorted(offered(run)) == ["adapter", "baseline", "checkpoint-10", "checkpoint-2"]


def test_a_crowd_of_seeded_requests_is_answered_and_scored(run: Run) -> None:
    # vLLM's CPU engine dies of a seeded prompt that is read in parts: more prompts at once than fit one batch.
    said = generate(run, "baseline,prompted", f"url={url(run)}")
    rows = generated(run, "baseline")
    assert len(rows) == (6 + 16) * 2
    assert not [r for r in rows if r["error"]]
    assert all(0 < len(r["text"].split()) <= 60 for r in rows)
    found = re.search(r"baseline: ([\d.]+) bits per character", said)
    # Between a random string of letters and the best that is known to compress English.
    assert found and 1.0 < float(found.group(1)) < 3.0


def test_the_same_seed_gives_the_same_text(run: Run) -> None:
    generate(run, "baseline", f"url={url(run)}")
    before = {(r["prompt_id"], r["sample"]): r["text"] for r in generated(run, "baseline")}
    generate(run, "baseline", f"url={url(run)}", "force=baseline")
    after = {(r["prompt_id"], r["sample"]): r["text"] for r in generated(run, "baseline")}
    # Batches differ from call to call, and with them the last bits of a sum: now and then a text goes another way.
    assert sum(before[key] == after[key] for key in before) >= 0.7 * len(before)


def test_an_adapter_that_changes_nothing_says_what_the_base_says_and_another_does_not(run: Run) -> None:
    generate(run, "baseline", f"url={url(run)}")
    generate(run, "checkpoint-2,checkpoint-10")
    bits = {
        arm: sum(r["bits"] for r in read_rows(run.likelihood_path(arm)))
        for arm in ("baseline", "checkpoint-2", "checkpoint-10")
    }
    assert bits["checkpoint-2"] == pytest.approx(bits["baseline"], rel=1e-4)
    assert bits["checkpoint-10"] > 1.005 * bits["baseline"]
    hashes = {arm: generated(run, arm)[0]["model_hash"] for arm in ("baseline", "checkpoint-2", "checkpoint-10")}
    assert len(set(hashes.values())) == 3


def test_bits_per_character_tell_prose_from_the_same_words_shuffled(run: Run) -> None:
    path = run.rows_path("completion", "heldout")
    rows = list(read_rows(path))
    generate(run, "baseline", f"url={url(run)}")
    real = [r["bits"] / r["chars"] for r in read_rows(run.likelihood_path("baseline"))]
    try:
        write_rows(path, [{**r, "text": " ".join(sorted(r["text"].split()))} for r in rows])
        generate(run, "baseline", f"url={url(run)}")
        mixed = [r["bits"] / r["chars"] for r in read_rows(run.likelihood_path("baseline"))]
    finally:
        write_rows(path, rows)
    assert sum(mixed) / len(mixed) > 1.2 * sum(real) / len(real)


def test_lm_evaluation_harness_puts_its_questions_to_what_is_served(run: Run) -> None:
    tasks = ["eval.lm_eval.tasks=[everyday_facts]", "eval.lm_eval.limit=12"]
    settings = recipes.compose("demo", tasks, run="e").recipe
    with Client(ClientSettings(url(run))) as client:
        for arm in ("baseline", "checkpoint-2"):
            lm_eval.measure(settings, arm, endpoint.discover(client, arm, hint=""))
    results = samples.read_tasks(run)
    assert len(results["baseline"].tasks["everyday_facts"].values) == 12
    # The adapter adds nothing to the base, and loses nothing; twelve questions are too few to say so.
    task = forgetting.compare_tasks(results).arms["checkpoint-2"]["everyday_facts"]
    assert (task.value, task.outcome, task.questions) == (0.0, "inconclusive", 12)


def test_adapters_come_and_go_while_the_server_runs(run: Run) -> None:
    before = read_json(run.child_path("serve-adapters"))["pid"]
    (run.adapter_dir / "checkpoint-10" / "adapter_model.safetensors").rename(run.dir / "away")
    assert call("serve.up", "e", "arm=checkpoints").returncode == 0
    assert sorted(offered(run)) == ["adapter", "baseline", "checkpoint-2"]
    (run.dir / "away").rename(run.adapter_dir / "checkpoint-10" / "adapter_model.safetensors")
    tiny_adapter.write(run.adapter_dir / "checkpoint-2", seed=3)
    assert call("serve.up", "e", "arm=checkpoints").returncode == 0
    assert sorted(offered(run)) == ["adapter", "baseline", "checkpoint-10", "checkpoint-2"]
    assert read_json(run.child_path("serve-adapters"))["pid"] == before


def test_an_adapter_that_vllm_cannot_serve_is_named(run: Run) -> None:
    folder = tiny_adapter.write(run.adapter_dir / "checkpoint-99", seed=9)
    config: dict[str, Any] = read_json(folder / "adapter_config.json")
    try:
        write_json(folder / "adapter_config.json", {**config, "use_dora": True})
        result = call("serve.up", "e", "arm=checkpoints")
        assert result.returncode == 2
        assert "checkpoint-99: vLLM refuses the adapter" in result.stderr
        assert "checkpoint-10" in offered(run)
        write_json(folder / "adapter_config.json", {**config, "r": 1024})
        assert "rank 1024" in call("serve.up", "e", "arm=checkpoints").stderr
    finally:
        for path in folder.iterdir():
            path.unlink()


def test_both_models_answer_each_line_of_a_chat(run: Run) -> None:
    # The function, not the command, which would train and merge the run first.
    imports = "from voicewright.core.paths import Run; from voicewright.serving.chat import chat"
    result = subprocess.run(
        [sys.executable, "-c", f"{imports}; chat(Run('e'), max_tokens=20)"],
        cwd=REPO_DIR, input="You open the door and\n\n", capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    base, tuned = re.findall(r"--- (?:base|fine-tuned)\n([^\n].*?)(?=\n---|\Z)", result.stdout, re.DOTALL)
    assert base.strip() and tuned.strip() and base != tuned
    # The server was up before, and is left up.
    assert "checkpoint-10" in offered(run)
