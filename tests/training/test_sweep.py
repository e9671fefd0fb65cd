"""Two small runs by one sweep, one's checkpoints compared while vLLM serves them as adapters, and the best merged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml

from tests.test_whole_path import free_ports
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import read_json
from voicewright.recipe import recipes, steps
from voicewright.training import checkpoints

pytestmark = [pytest.mark.engine, pytest.mark.long]

# A dozen steps an epoch; the rate is still rising in the first, so that it ends undertrained.
TRAINING = [
    "method=lora", "data.max_rows=64", "data.min_tokens=32", "data.max_tokens=254", "axolotl.sequence_len=256",
    "axolotl.micro_batch_size=4", "axolotl.num_epochs=2", "axolotl.warmup_steps=12",
]  # fmt: skip
MEASURING = [
    "eval.prompts=[]", "eval.openings=16", "eval.samples=2", "eval.max_words=120", "eval.training_prefixes=4",
    "eval.prompted_passages=0",
]  # fmt: skip


def make(target: str, *words: str, **variables: str) -> str:
    env = {**os.environ, "COLUMNS": "200", **variables}
    done = subprocess.run(["make", target, *words], cwd=REPO_DIR, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[Run]]]:
    """The output of a sweep over two ranks, and its runs."""
    baseline, adapters = free_ports(2)
    ports = [f"serve.baseline_port={baseline}", f"serve.adapters_port={adapters}"]
    words = [*TRAINING, *MEASURING, *ports, "axolotl.lora_r=4,8", "until=train"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEWRIGHT_HOME", str(tmp_path_factory.mktemp("sweep")))
        output = make("sweep", RECIPE="demo", SET=" ".join(words))
        names = [line.split("│")[1].strip() for line in output.splitlines() if line.startswith("│ demo-")]
        yield output, [Run(name) for name in names]


def test_a_sweep_trains_one_run_a_value_and_lays_them_side_by_side(swept: tuple[str, list[Run]]) -> None:
    output, runs = swept
    ranks = [yaml.safe_load(run.axolotl_path.read_text(encoding="utf-8"))["lora_r"] for run in runs]
    assert ranks == [4, 8]
    assert "lowest evaluation loss" in output and all(checkpoints.has_reached_end(run.adapter_dir) for run in runs)
    listed = make("runs")
    for run in runs:
        (line,) = (line for line in listed.splitlines() if run.name in line)
        last = checkpoints.whole(run.adapter_dir)[-1].step
        assert re.split(r"\s{2,}", line.strip())[2:6] == ["tiny", "lora", str(last), "2"]
        lengths = steps.row_lengths(run, steps.read_trained_rows(run))
        assert steps.count_steps(recipes.load(run.name), lengths).total == last, "not the steps that were planned"


def test_an_undertrained_epoch_shows_beside_the_next_and_the_best_is_merged(swept: tuple[str, list[Run]]) -> None:
    run = swept[1][1]
    output = make("checkpoints", RECIPE="demo", RUN=run.name)
    comparison = read_json(run.dir / "checkpoints.json")
    first, second = comparison["checkpoints"]
    assert first["step"] < second["step"]
    print(output[output.index("┏") :])
    assert first["bits"] > second["bits"] + 0.01 and first["eval_loss"] > second["eval_loss"]
    assert all(each["copying"] is not None for each in (first, second))
    assert comparison["best"] == second["step"]
    assert f"step {second['step']}: the fewest bits per held-out character" in output
    make("merge", RECIPE="demo", RUN=run.name, CHECKPOINT="best")
    assert read_json(run.merged_dir / "voicewright.json")["step"] == second["step"]


def test_a_run_that_was_swept_is_an_ordinary_run(swept: tuple[str, list[Run]]) -> None:
    removed = subprocess.run(
        [sys.executable, "-m", "voicewright", "clean", "--run", swept[1][0].name],
        cwd=REPO_DIR,
        capture_output=True,
    )
    assert removed.returncode == 0 and not swept[1][0].dir.exists()
