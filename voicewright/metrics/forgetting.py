"""Forgetting: what prompts outside the author's field show, paired with the base model.

No answer is graded by a model: an answer counts as kept when it shares as much with the base model's answers as these
share with each other, less a margin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from voicewright.core import text as reading
from voicewright.core.documents.intervals import Figure
from voicewright.stats import intervals
from voicewright.stylometry.features import Floats

OUT_OF_DOMAIN = frozenset(("code", "mathematics", "facts", "practical", "creative"))
# Agreement with the base may fall by a fifth of the base's own before the model counts as worse.
MARGIN_PERCENT = 20.0
# Of a hundred questions that have a right answer, five fewer may be answered well.
TASK_MARGIN_POINTS = 5.0
COMMON = reading.listed(
    "the a an and or but of to in on at by for with from as is are was were be been it its this that these those i you "
    "he she they we my your his her their our not no do does did have has had will would can could should if so than "
    "then there here what which who when where how why all any some one"
)


def outside(row: Mapping[str, Any]) -> bool:
    """Whether a generation's prompt lies outside the author's field: by its file where that is known, else its kind."""
    return bool(str(row["set"]).startswith("out_of_domain") if row.get("set") else row["domain"] in OUT_OF_DOMAIN)


def likeness(a: str, b: str) -> float:
    """Share of content words and numbers that two answers have in common (Dice), 0 to 1; two empty ones agree."""
    first, second = _content(a), _content(b)
    if not first and not second:
        return 1.0
    return 2 * len(first & second) / (len(first) + len(second)) if first and second else 0.0


def _content(text: str) -> set[str]:
    tokens = reading.TOKEN.findall(reading.plain(reading.normal(text)).lower())
    return {token for token in tokens if token[0].isalnum() and token not in COMMON}


def kept(base: Mapping[str, Sequence[str]], arm: Mapping[str, Sequence[str]], prompts: Sequence[str]) -> Floats:
    """Per prompt: (agreement of the arm's answers with the base's, agreement of the base's answers with one another).

    NaN in the second column where the base answered once. The base's own arm is compared sample with other sample.
    """
    rows = []
    for prompt in prompts:
        asked, said = list(base[prompt]), list(arm[prompt])
        # A sample is never held against the base's sample of the same seed, which an unchanged model repeats.
        across = [likeness(a, b) for i, a in enumerate(said) for j, b in enumerate(asked) if i != j or len(asked) == 1]
        within = [likeness(a, b) for i, a in enumerate(asked) for b in asked[i + 1 :]]
        rows.append((np.mean(across) if across else np.nan, np.mean(within) if within else np.nan))
    return np.array(rows, dtype=float).reshape(-1, 2)


def row(values: Floats, resamples: int, seed: int) -> dict[str, Any]:
    """Agreement in percent of the base's agreement with itself, and whether it is not worse than the margin allows."""
    has = np.isfinite(values).all(axis=1)
    values = values[has]
    if len(values) < 2:
        why = "it takes two prompts or more, with two samples each, to know what the base keeps saying"
        return {**intervals.unavailable(why).to_json(), "outcome": "not available", "prompts": len(values)}
    weights = intervals.resampling_weights(len(values), resamples, seed, corrected=True)
    level = weights @ values[:, 1]
    figure = intervals.percentile_figure(100.0 * (weights @ values[:, 0]) / np.where(level > 0, level, np.nan))
    return {**figure.to_json(), "outcome": _outcome(figure, 100.0 - MARGIN_PERCENT), "prompts": len(values)}


def table(
    arms: Mapping[str, Mapping[str, Sequence[str]]], domains: Mapping[str, str], base: str, resamples: int, seed: int
) -> dict[str, Any]:
    """Of every arm, over all prompts outside the field and by category: kept or forgotten."""
    if base not in arms or not domains:
        return {}
    found: dict[str, Any] = {}
    for arm, texts in arms.items():
        if arm == base:
            continue
        shared = sorted(set(texts) & set(arms[base]) & set(domains))
        kinds = sorted({domains[prompt] for prompt in shared})
        parts = {kind: [prompt for prompt in shared if domains[prompt] == kind] for kind in kinds}
        found[arm] = {
            name: row(kept(arms[base], texts, prompts), resamples, seed)
            for name, prompts in {"all": shared, **parts}.items()
        }
    return found


def tasks(documents: Mapping[str, Mapping[str, Any]], base: str) -> dict[str, Any]:
    """Of every arm, by task of lm-evaluation-harness: its score less the base's on the same questions, in points.

    `documents`: arm -> what `benchmarks.ask.harness` wrote. A task that has no score for each question says why.
    """
    if base not in documents:
        return {}
    asked = documents[base]["tasks"]
    return {
        "margin_points": TASK_MARGIN_POINTS,
        "arms": {
            arm: {task: _task(asked[task], found) for task, found in document["tasks"].items() if task in asked}
            for arm, document in documents.items()
            if arm != base
        },
    }


def _task(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    shared = sorted(set(before["values"]) & set(after["values"]))
    if len(shared) < 2 or before["metric"] != after["metric"]:
        why = after["why"] or "fewer than two questions were put to both"
        return {**intervals.unavailable(why).to_json(), "outcome": "not available", "questions": len(shared)}
    scores = 100.0 * np.array([[found["values"][question] for question in shared] for found in (before, after)])
    gained = scores[1] - scores[0]
    figure = intervals.paired_difference(gained)
    return {
        **figure.to_json(),
        "outcome": _outcome(figure, -TASK_MARGIN_POINTS),
        "questions": len(shared),
        "metric": after["metric"],
        "base": float(scores[0].mean()),
        "arm": float(scores[1].mean()),
    }


def _outcome(figure: Figure, bound: float) -> str:
    """Not worse where the whole interval lies above the bound, worse where it lies below."""
    if figure.low is None or figure.high is None:
        return "not available"
    return "not worse" if figure.low > bound else "worse" if figure.high < bound else "inconclusive"
