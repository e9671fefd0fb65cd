"""From generations to a report, through every stage, with a made-up run."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from voicewright.core.paths import Run
from voicewright.core.records import read_json, read_rows, write_json, write_rows
from voicewright.pipeline import worker
from voicewright.pipeline.stages import StageOptions

WORDS = [
    "stone",
    "river",
    "you",
    "walk",
    "the",
    "a",
    "of",
    "and",
    "into",
    "light",
    "dark",
    "door",
    "hand",
    "voice",
    "lantern",
    "salt",
    "never",
    "always",
]


def prose(seed: str, sentences: int = 14) -> str:
    draw = random.Random(seed)
    return " ".join(" ".join(draw.choices(WORDS, k=draw.randint(6, 14))).capitalize() + "." for _ in range(sentences))


def make_run(home: Path, prompts: int = 12) -> Run:
    run = Run("demo")
    write_json(run.stats_path, {"format": {"shape": "completion", "prompt": "raw"}, "splits": {}})
    for split in ("train", "heldout"):
        rows = [
            {
                "id": f"{split}{n}",
                "source": f"m.md:{split}{n}",
                "tokens": 200,
                "section": f"{split} {n // 2}",
                "text": prose(f"{split}{n}"),
            }
            for n in range(8)
        ]
        write_rows(run.rows_path("completion", split), rows)
    for arm in ("baseline", "finetuned"):
        generations: list[dict[str, Any]] = [
            {
                "id": f"{arm}{n}",
                "arm": arm,
                "prompt_id": f"p{n}",
                "domain": "heldout" if n % 2 else "narrative",
                "sample": 0,
                "prompt": f"Opening {n}",
                "text": prose(f"{arm}{n}"),
                "error": None,
                "reference": prose(f"ref{n}") if n % 2 else None,
                "reference_source": f"m.md:heldout{n % 8}" if n % 2 else None,
            }
            for n in range(prompts)
        ]
        write_rows(run.generations_path(arm), generations)
    return run


@pytest.mark.slow
def test_generations_become_a_report_with_a_decision(home: Path) -> None:
    run = make_run(home)
    for stage in ("pair", "judge", "verdict", "decide", "report"):
        worker.WORK[stage](run, StageOptions())
    assert len(list(read_rows(run.votes_path))) == 24
    decision = read_json(run.decision_path)
    assert decision["decision"] != "deploy"
    assert decision["targets"]["blind"]["outcome"] != "pass"
    assert decision["targets"]["transfer"]["outcome"] == "not available"
    page = run.report_path.read_text()
    assert decision["sentence"].partition(": ")[2].capitalize() in page
    assert (run.dir / "report.md").read_text().startswith("# " + decision["sentence"])
    assert "http://" not in page and "https://" not in page
