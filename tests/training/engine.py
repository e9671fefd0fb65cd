"""Small real trainings for the tests: the tiny base, a few short rows of the sample manuscript, on the CPU."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from voicewright.core import training_events
from voicewright.core.documents.base import parse, write_document
from voicewright.core.documents.stats import Stats
from voicewright.core.paths import REPO_DIR, SAMPLE_DIR, Run
from voicewright.core.records import content_id, write_rows, write_text
from voicewright.recipe import recipes
from voicewright.training import checkpoints
from voicewright.training.rendering import axolotl_yaml

SMALL = [
    "method=lora",
    "axolotl.sequence_len=128",
    "data.max_tokens=126",
    "data.min_tokens=8",
    "axolotl.lora_dropout=0",
    "axolotl.max_steps=12",
    "axolotl.save_steps=2",
    "axolotl.eval_steps=2",
    "axolotl.saves_per_epoch=null",
    "axolotl.evals_per_epoch=null",
    "serve.finetuned_port=18402",
]
PATIENCE_S = 300
# Measured peaks of the address space: 5.39 GB at 8,192 tokens a step, 4.24 GB at 4,096.
BETWEEN_8192_AND_4096_TOKENS_KB = 4_800_000


TOKENS = 60


@functools.cache
def passages() -> list[str]:
    """Beginnings of the sample manuscript's paragraphs, each of exactly TOKENS tokens.

    Rows of one length weigh the same whether a batch is cut by tokens, by rows or by processes.
    """
    tokenizer = Tokenizer.from_file(str(REPO_DIR / "models" / "tiny-base" / "tokenizer.json"))
    text = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(SAMPLE_DIR.glob("*.md")))
    cut = [tokenizer.decode(tokenizer.encode(p).ids[:TOKENS]) for p in text.split("\n\n")]
    return [p for p in cut if len(tokenizer.encode(p).ids) == TOKENS]


def paragraphs(count: int) -> list[str]:
    texts = passages()
    assert len(texts) >= count
    return texts[:count]


def completion_rows(texts: list[str]) -> list[dict[str, Any]]:
    return [{"id": content_id(t), "source": "test", "work": "sample", "tokens": TOKENS, "text": t} for t in texts]


def preference_rows(texts: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": content_id(t),
            "source": "test",
            "tokens": 60,
            "messages": [{"role": "user", "content": "Go on."}],
            "chosen": {"role": "assistant", "content": " ".join(t.split()[:20])},
            "rejected": {"role": "assistant", "content": "I am sorry, I cannot."},
        }
        for t in texts
    ]


def render(run: Run) -> None:
    """What the driver does before it starts the launcher again."""
    write_text(run.axolotl_path, axolotl_yaml(recipes.load(run.name)))


def chat_rows(texts: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": row["id"],
            "source": "test",
            "tokens": 60,
            "messages": [*row["messages"], {**row["chosen"], "train": True}],
        }
        for row in preference_rows(texts)
    ]


ROWS_OF = {"completion": completion_rows, "chat": chat_rows, "preference": preference_rows}


def begin(name: str, overrides: list[str], *, of: str = "demo", shape: str = "completion", rows: int = 16) -> Run:
    """A run that has been prepared and rendered, in the folder that VOICEWRIGHT_HOME names."""
    recipes.load(of, [*overrides], run=name)
    run = Run(name)
    documents = ROWS_OF[shape](paragraphs(rows + 6))
    write_rows(run.rows_path(shape, "train"), documents[:rows])
    write_rows(run.rows_path(shape, "val"), documents[rows : rows + 6])
    write_stats(run, shape)
    render(run)
    return run


def write_stats(run: Run, shape: str) -> None:
    """What prepare says of rows that a test wrote itself: their format, and checks that found nothing."""
    sizes = {"rows": 0, "words": 0, "tokens": 0, "chapters": 0, "works": 0}
    training = dict.fromkeys(("rows", "batch", "steps_an_epoch", "steps", "packs", "rows_a_pack", "pack_fill"), 0)
    checks = {
        "bounds": {"min_tokens": 0, "max_tokens": 0, "exceptions": [], "exceptions_in_all": 0},
        "tokens": {"edges": [], "counts": [], "total": 0},
        "training": {**training, "packing": False},
        "split_by": "passages",
        "sources": {},
        "duplicates": {"exact": [], "near": [], "leaks_val": [], "leaks_heldout": []},
        "health": {"language": None, "counts": {}, "rows": {}},
        "personal": {"counts": {}, "rows": []},
    }
    stats = {
        "format": {"shape": shape, "prompt": "raw" if shape == "completion" else "chat", "special_tokens": 1},
        "splits": dict.fromkeys(("train", "val", "heldout"), sizes),
        "shapes": {},
        "dropped": [],
        "dropped_by_reason": {},
        "checks": checks,
    }
    write_document(run.stats_path, parse(Stats, stats, "stats"))


def launch(
    run: Run,
    *,
    before: str = "",
    env: Mapping[str, str] | None = None,
    module: str = "voicewright.pipeline.worker train",
) -> subprocess.Popen[str]:
    """Start the launcher as a person would; `before` goes in front of it in the same shell, such as a ulimit."""
    return subprocess.Popen(
        ["bash", "-c", f'{before} exec "$0" -m {module} {run.name}', sys.executable],
        cwd=REPO_DIR,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(run: Run, **options: Any) -> str:
    """Train to the end and return the launcher's output."""
    process = launch(run, **options)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, output
    return output


def wait_for(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.02)


def steps_logged(run: Run) -> int:
    return max((event.step for event in training_events.read(run.adapter_dir) if event.event == "log"), default=0)


def last_losses(run: Run) -> dict[int, float]:
    """Training loss by step; a step that was taken twice counts with its last."""
    return dict(training_events.curve(training_events.read(run.adapter_dir), "loss"))


def final_eval(run: Run) -> float:
    events = training_events.read(run.adapter_dir)
    return [event.eval_loss for event in events if event.eval_loss is not None][-1]


def saved_steps(run: Run) -> list[int]:
    return [c.step for c in checkpoints.whole(run.adapter_dir)]


def path_of(run: Run, step: int) -> Path:
    return run.adapter_dir / f"checkpoint-{step}"
