"""How much of the author's voice each arm has: RUN -> voice.json, from its rows, generations and likelihoods.

python -m benchmarks.voice RUN
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import appraisal, markers, resampling
from benchmarks import text as reading
from benchmarks.appraisal import BASE, Measure
from voicewright import command, recipe
from voicewright.errors import UserError, exits_cleanly, notice
from voicewright.layout import Run
from voicewright.records import Row, read_rows, write_json

# Prompts outside the author's field show what was forgotten, not what was learnt.
OUT_OF_DOMAIN = frozenset(("code", "mathematics", "facts", "practical", "creative"))


def author_texts(run: Run, split: str) -> list[str]:
    """What the author wrote, of all shapes: passages, replies, preferred replies."""
    texts = []
    for path in sorted(run.data_dir.glob(f"*/{split}.jsonl")):
        for row in read_rows(path):
            if "text" in row:
                texts.append(str(row["text"]))
            elif "chosen" in row:
                texts.append(str(row["chosen"]["content"]))
            else:
                texts += [str(m["content"]) for m in row.get("messages", [])
                          if m["role"] == "assistant" and m.get("train", True) and isinstance(m["content"], str)]
    return texts


def read_arms(run: Run) -> dict[str, list[Row]]:
    """The generations of every arm, the base first. Raises UserError where there are none."""
    arms = {path.stem: list(read_rows(path)) for path in sorted(run.generations_dir.glob("*.jsonl"))}
    arms = {arm: rows for arm, rows in arms.items() if rows}
    if not arms:
        raise UserError(f"{run.generations_dir}: no generations", mend=f"make generate RUN={run.name}")
    return dict(sorted(arms.items(), key=lambda item: (item[0] != BASE, item[0])))


def by_prompt(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Answered texts of each prompt in the author's field, in the order of their samples."""
    texts: dict[str, list[str]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (str(row["prompt_id"]), int(row["sample"]))):
        if row["domain"] not in OUT_OF_DOMAIN and not row.get("error"):
            texts[str(row["prompt_id"])].append(str(row["text"] or ""))
    return dict(texts)


def likelihoods(run: Run, resamples: int, seed: int) -> Measure:
    """Bits per character that each arm needs for the held-out passages; passages are resampled."""
    rows = {path.stem: {str(row["id"]): row for row in read_rows(path)}
            for path in sorted((run.dir / "likelihood").glob("*.jsonl"))}
    rows = {arm: found for arm, found in rows.items() if found}
    shared = sorted(set.intersection(*(set(found) for found in rows.values()))) if rows else []
    weights = resampling.draws(len(shared), resamples, np.random.default_rng(seed))
    arms, gains = {}, {}
    replicates = {}
    for arm, found in rows.items():
        bits = np.array([float(found[key]["bits"]) for key in shared])
        chars = np.array([float(found[key]["chars"]) for key in shared])
        if len(shared) == 0 or chars.sum() == 0:
            arms[arm] = resampling.missing("no held-out passage was scored by every arm")
            continue
        replicates[arm] = (weights @ bits) / np.maximum(weights @ chars, 1.0)
        arms[arm] = resampling.interval(replicates[arm])
    for arm, values in replicates.items():
        if arm != BASE and BASE in replicates:
            gains[arm] = resampling.interval(replicates[BASE] - values).as_row()
    return Measure(
        "Bits per character",
        "How surprised the model is by the author's unseen text: bits needed for each character. It does not depend on "
        "what the model generates, nor on its tokenizer. Less is better.",
        "bits per character", (0, None), "lower", arms, {"gain_over_base": gains})


def answers(arms: Mapping[str, list[Row]]) -> dict[str, Measure]:
    """How many answers are empty or failed, and how long they are."""
    empty, length = {}, {}
    for arm, rows in arms.items():
        words = np.array([len(reading.words(str(row["text"] or ""))) for row in rows], dtype=float)
        empty[arm] = resampling.Figure(100 * float((words == 0).mean()), None, None)
        spread = np.quantile(words, [0.025, 0.975])
        length[arm] = resampling.Figure(float(words.mean()), float(spread[0]), float(spread[1]))
    return {
        "empty": Measure("Empty answers", "The share of prompts to which the model said nothing, or which failed.",
                         "percent of answers", (0, 100), "lower", empty),
        "length": Measure("Length of answers", "Mean words of an answer; the interval holds 95% of the answers.",
                          "words", (0, None), "author", length),
    }


def appraise(run: Run, resamples: int, seed: int) -> dict[str, Any]:
    """The whole document. Raises UserError where nothing can be measured at all."""
    arms = read_arms(run)
    training, heldout = author_texts(run, "train"), author_texts(run, "heldout")
    notes: list[str] = []
    texts = {arm: by_prompt(rows) for arm, rows in arms.items()}
    shared = sorted(set.intersection(*(set(found) for found in texts.values())))
    if not shared:
        raise UserError("the arms have no prompt in common", mend=f"make generate RUN={run.name}")
    asked = set.union(*(set(found) for found in texts.values()))
    if len(asked) > len(shared):
        notes.append(f"Measured on the {len(shared)} prompts that every arm answered, of {len(asked)}.")
    # Sorted ids would put prompts of one kind into one cluster.
    order = [shared[i] for i in np.random.default_rng(seed).permutation(len(shared))]
    if not heldout:
        notes.append("Nothing was held out: no measure can be calibrated by the author's own unseen text.")
    material = appraisal.gather(training, heldout, texts, resamples, seed, order)
    transfer, marks = appraisal.transfer(material)
    measures = {"transfer": transfer, **appraisal.shares(material)}
    measures["bits_per_character"] = likelihoods(run, resamples, seed)
    for name, (title, unit, read) in markers.MARKERS.items():
        key = "you_per_1000" if name == "second_person" else name
        shown = title[0].upper() + title[1:]
        measures[key] = appraisal.rate(material, shown, f"How often a passage has {title}.", unit, read)
    measures |= answers(arms)
    return {"arms": list(arms), "measures": {name: measure.as_row() for name, measure in measures.items()},
            "calibration": marks, "notes": notes}


@exits_cleanly
def main() -> None:
    name, _ = command.parse(__doc__, {})
    run, settings = Run(name), recipe.load(name).eval
    document = appraise(run, settings.bootstrap, settings.seed)
    write_json(run.voice_path, document)
    for note in document["notes"]:
        notice(note)
    for measure in document["measures"].values():
        figures = [f"{arm} {line(figure)}" for arm, figure in measure["arms"].items()]
        print(f"{measure['title']} ({measure['unit']}): {'; '.join(figures) or 'not available'}")


def line(figure: dict[str, Any]) -> str:
    """A figure in one line."""
    if figure["value"] is None:
        return str(figure["status"])
    bounds = "" if figure["low"] is None else f" ({figure['low']:.3g} to {figure['high']:.3g})"
    return f"{figure['value']:.3g}{bounds}"


if __name__ == "__main__":
    main()
