"""Figures that rest on rows, not on blocks: likelihood of held-out text, empty answers, length of answers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from voicewright.core import text as reading
from voicewright.core.paths import Run
from voicewright.core.records import Row, read_rows
from voicewright.metrics.material import Measure
from voicewright.metrics.samples import BASE
from voicewright.stats import intervals


def likelihoods(run: Run, resamples: int, seed: int) -> Measure:
    """Bits per character that each arm needs for the held-out passages; passages are resampled."""
    rows = {
        path.stem: {str(row["id"]): row for row in read_rows(path)}
        for path in sorted((run.dir / "likelihood").glob("*.jsonl"))
    }
    rows = {arm: found for arm, found in rows.items() if found}
    shared = sorted(set.intersection(*(set(found) for found in rows.values()))) if rows else []
    weights = intervals.resampling_weights(len(shared), resamples, seed, corrected=True)
    arms, replicates = {}, {}
    for arm, found in rows.items():
        bits = np.array([float(found[key]["bits"]) for key in shared])
        chars = np.array([float(found[key]["chars"]) for key in shared])
        if len(shared) == 0 or chars.sum() == 0:
            arms[arm] = intervals.unavailable("no held-out passage was scored by every arm")
            continue
        replicates[arm] = (weights @ bits) / np.maximum(weights @ chars, 1.0)
        arms[arm] = intervals.percentile_figure(replicates[arm])
    gains = {
        arm: intervals.percentile_figure(replicates[BASE] - values).to_json()
        for arm, values in replicates.items()
        if arm != BASE and BASE in replicates
    }
    return Measure(
        "Bits per character",
        "How surprised the model is by the author's unseen text: bits needed for each character. It does not depend on "
        "what the model generates, nor on its tokenizer. Less is better.",
        "bits per character",
        (0, None),
        "lower",
        arms,
        {"gain_over_base": gains},
    )


def answers(arms: Mapping[str, list[Row]]) -> dict[str, Measure]:
    """How many answers are empty or failed, and how long they are."""
    empty, length = {}, {}
    for arm, rows in arms.items():
        words = np.array([len(reading.words(str(row["text"] or ""))) for row in rows], dtype=float)
        rate = intervals.wilson(float((words == 0).sum()), len(words))
        value, low, high = (None if end is None else 100 * end for end in (rate.value, rate.low, rate.high))
        empty[arm] = intervals.measured(value, low, high)
        spread = np.quantile(words, [0.025, 0.975])
        length[arm] = intervals.measured(float(words.mean()), float(spread[0]), float(spread[1]))
    return {
        "empty": Measure(
            "Empty answers",
            "The share of requests to which the model said nothing, or which failed.",
            "percent of answers",
            (0, 100),
            "lower",
            empty,
        ),
        "length": Measure(
            "Length of answers",
            "Mean words of an answer; the interval holds 95% of the answers.",
            "words",
            (0, None),
            "author",
            length,
        ),
    }
