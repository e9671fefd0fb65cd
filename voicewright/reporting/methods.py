"""How the figures were made and what they cannot say: the report's methods, limits and provenance."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from voicewright.core.documents.manifest import ManifestEntry
from voicewright.core.records import fingerprint
from voicewright.recipe.schema import Recipe
from voicewright.reporting.blocks import Cell, Row, Section, Table, format_number

LIBRARIES = ("numpy", "scipy", "scikit-learn", "httpx2", "tokenizers", "hydra-core")
# Measured by tests/perf/judge_accuracy.py (4 splits, seeds 0 to 3) on 25 novelists; the protocol stands there.
# Words of a passage -> accuracy and its 95% interval.
JUDGE_ACCURACY = {200: (0.843, 0.800, 0.877), 500: (0.919, 0.869, 0.949)}


def methods_section(recipe: Recipe, pairs: int) -> Section:
    """The protocol, with the figures that were simulated or measured for it, and its limits."""
    blind = recipe.blind
    accuracy = " and ".join(
        f"{100 * value:.1f}% ({100 * low:.1f} to {100 * high:.1f}) at {size} words"
        for size, (value, low, high) in JUDGE_ACCURACY.items()
    )
    paragraphs = [
        "Pairs: both arms answered the same prompt with the same seed. Both texts are cut at a sentence end within "
        f"{blind.max_words} words, at most 5% apart in length where the sentences allow it. Ids are random. The side "
        "of each text was drawn from the system's entropy source, and every pair held the SHA-256 of the key before "
        f"the first vote. Beside each of the {pairs} pairs stood {blind.references} held-out passages of the author, "
        "from another chapter than the pair's own where there was one.",
        "Win rates: votes are averaged within a prompt. The interval is Wilson's score interval with Student's t and "
        "with the effective number of answers that the variance between prompts implies; its lower end uses four "
        "fifths of its half of the error. In 2,000 simulated evaluations with 3 judges, 2 orders and 20, 57 or 200 "
        "prompts it covers the true rate in 95 to 97%, and a model exactly at the target passes in 1.4 to 2.4%. The "
        "percentile bootstrap over prompts covers 93 to 96%, and an interval that treats every vote as independent "
        "73 to 92% (make simulate).",
        "Agreement: bootstrap over prompts. The published figures of PandaLM, of Krippendorff's own example and of the "
        "llmfao crowd are reproduced to the printed digits.",
        "The built-in judge uses the same features as the voice report. Its vote is therefore no independent evidence, "
        "and alone never leads to a deployment.",
        "Accuracy of the built-in judge: shown a passage from an unseen novel of a novelist and one by another "
        f"novelist, both outside the authors it was fitted on, it chose the right one in {accuracy} (24 authors; "
        "python tests/perf/judge_accuracy.py FOLDER splits=4).",
        "Limits: the verdict holds for prompts and raters of these kinds, not for all readers. Readers who know the "
        "author's work may recognise passages. A model that copies its training text sounds like the author, which is "
        "why copying is a target of its own.",
    ]
    return Section("Methods and limits", paragraphs, folded=True)


def provenance_section(recipe: Recipe, manifest: Mapping[str, ManifestEntry]) -> Section:
    """What each stage read and wrote, by content hash, and with which code."""
    rows: list[Row] = [
        [
            stage,
            _started(entry) or "-",
            _digests(entry.inputs),
            _digests(entry.outputs),
            entry.git or "-",
            format_number(entry.seconds),
            format_number(entry.peak_memory_mb),
        ]
        for stage, entry in manifest.items()
    ]
    header: list[Cell] = ["Stage", "Started", "Inputs", "Outputs", "Code", "Seconds", "Peak MB"]
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    paragraphs = [
        f"Recipe {recipe.recipe}, base model {recipe.model.name} ({recipe.model.license}), method {recipe.method}, "
        f"hardware {recipe.hardware.name}.",
        f"Measured with Python {platform.python_version()}, {versions}.",
    ]
    caption = (
        "What each stage read and wrote, with the first digits of each file's SHA-256, and the revision of the code."
    )
    return Section("Provenance", paragraphs, [Table(caption, header, rows)] if rows else [], folded=True)


def _started(entry: ManifestEntry) -> str:
    return (entry.started_at or "")[:16].replace("T", " ")


def _digests(files: Mapping[str, str]) -> str:
    return ", ".join(f"{Path(name).name} {digest[:8]}" for name, digest in files.items()) or "-"


def source_line(path: Path, manifest: Mapping[str, ManifestEntry], stage: str) -> str:
    """The line under a table: the file of its figures, and the stage that made it; "" where there is no file."""
    if not path.exists():
        return ""
    entry = manifest.get(stage)
    origin = ", ".join(filter(None, [entry.git, _started(entry)])) if entry else ""
    return f"From {path.name} {fingerprint(path)[:8]}, stage {stage}" + (f" ({origin})" if origin else "")
