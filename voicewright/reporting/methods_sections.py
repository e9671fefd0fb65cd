"""How the figures were made and what they cannot say: the report's methods, limits and provenance."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from markupsafe import Markup

from voicewright.core.records import fingerprint
from voicewright.recipe.schema import Recipe
from voicewright.reporting.blocks import Section, Table, number

LIBRARIES = ("numpy", "scipy", "scikit-learn", "httpx2", "tokenizers", "hydra-core")
# Measured by tests/perf/judge_accuracy.py (4 splits, seeds 0 to 3) on 25 novelists; the protocol stands there.
JUDGE_ACCURACY = {200: (0.843, 0.800, 0.877), 500: (0.919, 0.869, 0.949)}


def methods_section(recipe: Recipe, pairs: int) -> Section:
    """The protocol in plain words, with the figures that were simulated or measured for it."""
    blind = recipe.blind
    words = [
        f"Pairs: the same prompt and seed for both arms, both texts cut at a sentence within {blind.max_words} words "
        "and at most 5% apart where the sentences allow it; random ids; which text is x was drawn from the system's "
        "entropy, and the key's SHA-256 stood in the pairs before the first vote. "
        f"{blind.references} held-out passages of the author lay beside each of the {pairs} pairs, never from the "
        "pair's own chapter where others were to be had.",
        "Win rates: votes are averaged within a prompt, and the interval is Wilson's score interval with the effective "
        "number of answers that the spread between prompts leaves and Student's t; its lower end spends four fifths of "
        "its share of the error. In simulations of 2,000 runs with 3 judges and 2 orders at 20, 57 and 200 prompts it "
        "covers 95 to 97%, and a model exactly at the target passes in 1.4 to 2.4% of them; the percentile bootstrap "
        "over prompts, shown beside it, covers 93 to 96%, and counting every vote as independent 73 to 92% "
        "(python -m benchmarks.simulate).",
        "Agreement: bootstrap over prompts. The figures of PandaLM, of Krippendorff's own example and of the llmfao "
        "crowd come out of this code to the published digits.",
        "The built-in judge uses the features that the voice report uses. The two are one witness, so its vote alone "
        "never leads to a deployment.",
    ]
    said = " and ".join(
        f"{100 * value:.1f}% ({100 * low:.1f} to {100 * high:.1f}) at {size} words"
        for size, (value, low, high) in JUDGE_ACCURACY.items()
    )
    words.append(
        "The built-in judge, asked which of two passages a novelist wrote, one from an unseen novel of theirs and one "
        f"by another novelist, both outside the authors it was fitted on, was right in {said} "
        "(24 authors; python tests/perf/judge_accuracy.py FOLDER splits=4)."
    )
    words.append(
        "Limits: the verdict holds for these prompts' kind and these raters, not for all readers. Readers who know the "
        "author's work may recognise passages. A model that copies its training text sounds like the author, which is "
        "why copying is a target of its own."
    )
    return Section("Methods and limits", words, folded=True)


def provenance_section(recipe: Recipe, manifest: Mapping[str, Any]) -> Section:
    """Where every figure came from: what each stage read and wrote, by content hash, and with which code."""
    rows: list[list[str | Markup]] = []
    for stage, entry in manifest.items():
        rows.append([
            stage,
            str(entry.get("started_at", "-"))[:16].replace("T", " "),
            ", ".join(f"{Path(name).name} {digest[:8]}" for name, digest in entry.get("inputs", {}).items()) or "-",
            ", ".join(f"{Path(name).name} {digest[:8]}" for name, digest in entry.get("outputs", {}).items()) or "-",
            str(entry.get("git") or "-"),
            number(entry.get("seconds")),
            number(entry.get("peak_memory_mb")),
        ])  # fmt: skip
    head: list[str | Markup] = ["Stage", "Begun", "Read", "Wrote", "Code", "Seconds", "Peak MB"]
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    words = [
        f"Recipe {recipe.recipe}, base model {recipe.model.name} ({recipe.model.licence}), method {recipe.method}, "
        f"hardware {recipe.hardware.name}.",
        f"Measured with Python {platform.python_version()}, {versions}.",
    ]
    said = (
        "What each step read and wrote, by the first digits of the contents' SHA-256, with which revision of the code."
    )
    return Section("Where every figure came from", words, [Table(said, head, rows)] if rows else [], folded=True)


def source_of(path: Path, manifest: Mapping[str, Any], stage: str) -> str:
    """The line under a table: which file its figures stand in, and what made it; "" where there is none."""
    if not path.exists():
        return ""
    entry = manifest.get(stage, {})
    made = ", ".join(filter(None, [entry.get("git"), str(entry.get("started_at", ""))[:16].replace("T", " ")]))
    return f"From {path.name} {fingerprint(path)[:8]}, stage {stage}" + (f" ({made})" if made else "")
