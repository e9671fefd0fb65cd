"""Judging, killed again and again by a real SIGKILL, with a real server at the other end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.judging.examples import prose
from tests.judging.faulty_judges import bench_of_judges
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import Row, read_json, read_rows, write_json, write_rows
from voicewright.recipe import recipes

CONCURRENCY = 4
KILLS = 4


@pytest.mark.slow
def test_no_vote_is_lost_or_asked_for_twice_after_any_number_of_kills(home: Path) -> None:
    run = Run("demo")
    write_json(run.stats_path, {"format": {"shape": "completion"}})
    for split in ("train", "heldout", "val"):
        rows = [
            {"id": f"{split}{n}", "source": f"{split}{n}", "tokens": 200, "section": str(n),
             "text": prose(f"{split}{n}", 0.8)}
            for n in range(10)
        ]  # fmt: skip
        write_rows(run.rows_path("completion", split), rows)
    for arm, marks in (("baseline", 0.0), ("finetuned", 0.8)):
        write_rows(run.generations_path(arm), [generation(arm, n, marks) for n in range(20)])
    with bench_of_judges() as bench:
        settings = f"kind:endpoint,model:late,url:'{bench.url}',concurrency:{CONCURRENCY}"
        judge = f"judges.good={{{settings},questions:[voice,quality]}}"
        qualification = ["blind.judge_qualification.words=100", "blind.judge_qualification.cases=12"]
        recipes.freeze(recipes.compose("demo", [judge, *qualification], run="demo"))
        assert call("voicewright.pipeline.worker", "pair").wait(120) == 0
        for _ in range(KILLS):
            before = sum(bench.asked.values())
            process = call("benchmarks.judge", "judges=good")
            deadline = time.monotonic() + 60
            # Killed after a few answers more, wherever it is: in the qualification, between the two, among the pairs.
            while sum(bench.asked.values()) < before + 17 and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            process.wait(30)
        assert call("benchmarks.judge", "judges=good").wait(120) == 0
        n_requests = sum(bench.asked.values())
    votes = list(read_rows(run.votes_path))
    trials = list(read_rows(run.trials_path))
    for rows in (votes, trials):
        counts = Counter((row["pair"], row["question"], row["order"]) for row in rows)
        assert set(counts.values()) == {1}
    assert len(votes) == 20 * 2 * 2
    # What was in flight when a kill fell is asked again, and nothing else.
    assert len(votes) + len(trials) <= n_requests <= len(votes) + len(trials) + KILLS * CONCURRENCY
    assert read_json(run.qualification_path)["judges"]["good"]["qualified"]


def generation(arm: str, n: int, marks: float) -> Row:
    return {
        "id": f"{arm}{n}", "arm": arm, "prompt_id": f"p{n}", "domain": "narrative", "sample": 0, "prompt": "Go on.",
        "text": prose(f"{arm}{n}", marks), "error": None, "reference_source": None,
    }  # fmt: skip


def call(module: str, *words: str) -> subprocess.Popen[bytes]:
    words = (*words, "demo") if module.endswith("worker") else ("run=demo", *words)
    return subprocess.Popen([sys.executable, "-m", module, *words], cwd=REPO_DIR,
                            stdout=subprocess.DEVNULL)  # fmt: skip
