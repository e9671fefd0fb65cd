"""Runs made up for tests of measures: the sample manuscript's author, and arms that write in known ways."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.prose import chapters, prose
from voicewright.core import text as reading
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.paths import Run
from voicewright.core.records import Row, write_rows
from voicewright.metrics.voice_report import voice_report
from voicewright.recipe.schema import Eval

PROMPTS, SAMPLES, WORDS = 16, 2, 250
SETTINGS = Eval(bootstrap=300, seed=1)
# The text of the i-th answer.
Writer = Callable[[int], str]


def base(i: int) -> str:
    """Prose in nobody's voice."""
    return prose(WORDS, i)


def authors_own(i: int) -> str:
    """The author's own text, from chapters that neither training nor the held-out split has."""
    blocks = list(reading.blocks(reading.normal("\n\n".join(chapters()[8:13])), WORDS))
    return blocks[i % len(blocks)]


def halfway(i: int) -> str:
    """Half the author's text, half prose in nobody's voice."""
    return f"{authors_own(i)[: len(authors_own(i)) // 2]}\n\n{prose(WORDS // 2, 1000 + i)}"


def shuffled(i: int) -> str:
    """The author's words in random order."""
    words = authors_own(i).split()
    np.random.default_rng(i).shuffle(words)
    return " ".join(words)


def shouting(i: int) -> str:
    """The author's text with an exclamation mark for every full stop."""
    return authors_own(i).replace(". ", "! ")


def copied(i: int) -> str:
    """The training text."""
    return list(reading.blocks(reading.normal("\n\n".join(chapters()[:8])), WORDS))[i]


def make_run(
    arms: dict[str, Writer],
    train: list[str] | None = None,
    heldout: list[str] | None = None,
    name: str = "toy",
    prompts: int = PROMPTS,
) -> Run:
    """A run with rows and generations on disk."""
    run, texts = Run(name), chapters()
    splits = {"train": texts[:8] if train is None else train, "heldout": texts[13:] if heldout is None else heldout}
    for split, passages in splits.items():
        write_rows(run.rows_path("completion", split), [row(split, i, text) for i, text in enumerate(passages)])
    for arm, writer in arms.items():
        rows = [
            generation(arm, f"p{p:02d}", s, writer(p * SAMPLES + s)) for p in range(prompts) for s in range(SAMPLES)
        ]
        write_rows(run.generations_path(arm), rows)
    return run


def row(split: str, i: int, text: str, section: str | None = None) -> Row:
    """A training row of one chapter."""
    section = section or f"{split} {i}"
    source = f"{split}.md:{i}"
    return {"id": f"{split}{i}", "source": source, "work": "w", "section": section, "tokens": 1, "text": text}


def generation(arm: str, prompt: str, sample: int, text: str, domain: str = "narrative") -> Row:
    """A row of generations/<arm>.jsonl."""
    return {
        "id": f"{arm}-{prompt}-{sample}",
        "arm": arm,
        "prompt_id": prompt,
        "domain": domain,
        "sample": sample,
        "prompt": "Go on.",
        "text": text,
        "error": None,
    }


def report(run: Run) -> VoiceReport:
    """The voice report, with few resamples."""
    return voice_report(run, SETTINGS)
