"""One page with the decision, its evidence and where each figure came from: RUN -> report.html and report.md.

python -m benchmarks.report RUN
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from voicewright.cli import arguments
from voicewright.core import labels, training_events
from voicewright.core.documents.generation import OUT_OF_DOMAIN
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.core.records import Row, read_json, read_rows, write_text
from voicewright.judging import length_matching
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.reporting import (
    evidence_sections,
    html,
    memorization_sections,
    mode_sections,
    published_section,
    similarity_sections,
    training_section,
    wording_section,
)
from voicewright.reporting.blocks import Sample, Section, capital, markdown
from voicewright.reporting.methods_sections import methods_section, provenance_section, source_of
from voicewright.reporting.rater_sections import agreement_section, raters_section

SAMPLES = 3
SAMPLE_WORDS = 120
# The tested text first: what a reader wants to hear.
ARMS = ("finetuned", "baseline", "prompted")
HEADING = re.compile(r"^#{1,6} +", re.MULTILINE)
CURVES = ("loss", "eval_loss", "learning_rate", "memory/max_allocated (GiB)")
# What is made of voice.json, in the order in which a writer asks.
MEASURED = (
    similarity_sections.section,
    wording_section.section,
    memorization_sections.copying_section,
    memorization_sections.forgetting_section,
)


def samples(run: Run, seed: int) -> list[Sample]:
    """The first answers of the arms to a few prompts drawn by the seed, with the author's own where it is known."""
    arms: dict[str, dict[str, Row]] = {}
    for arm in ARMS:
        path = run.generations_path(arm)
        if path.exists():
            arms[arm] = {
                row["prompt_id"]: row
                for row in read_rows(path)
                if row["sample"] == 0 and not row.get("error") and row["domain"] not in OUT_OF_DOMAIN
            }
    shared = sorted(set.intersection(*(set(rows) for rows in arms.values()))) if arms else []
    drawn = random.Random(seed).sample(shared, min(SAMPLES, len(shared)))
    found: list[Sample] = []
    for prompt in drawn:
        row = next(iter(arms.values()))[prompt]
        texts = [(labels.arm(arm), beginning(str(rows[prompt]["text"]))) for arm, rows in arms.items()]
        if row.get("reference"):
            texts.insert(1, ("what the author wrote", beginning(str(row["reference"]))))
        title = "Another prompt" if found else ""
        prompt = HEADING.sub("", str(row["prompt"])).strip()
        found.append(Sample(prompt, labels.kind(str(row["domain"])), dict(texts), title, folded=bool(found)))
    return found


def beginning(text: str) -> str:
    """The first words of a text, to the end of a sentence: enough to hear a voice by."""
    text = length_matching.tidy(text)
    points = length_matching.cut_points(text, SAMPLE_WORDS)
    return text[: points[-1][1]] if points else text


def sections(run: Run, settings: Recipe, decision: dict[str, Any]) -> list[Section]:
    """The whole report; what was not made is left out."""
    manifest = read_json(run.manifest_path) if run.manifest_path.exists() else {}
    found: list[Section | None] = [
        evidence_sections.targets_section(decision, source_of(run.decision_path, manifest, "decide")),
        evidence_sections.advice_section(decision),
        evidence_sections.samples_section(samples(run, settings.eval.seed)),
    ]
    verdict = read_json(run.verdict_path) if run.verdict_path.exists() else None
    voted = source_of(run.verdict_path, manifest, "verdict")
    if verdict is not None:
        found.append(evidence_sections.blind_section(verdict, voted))
    if run.voice_path.exists():
        voice, source = read_json(run.voice_path), source_of(run.voice_path, manifest, "voice")
        found += [part(voice, source) for part in MEASURED]
    found.append(mode_sections.tags_section(by_arm(run.tags_path)))
    found.append(mode_sections.preferred_section(by_arm(run.preferred_path)))
    logged = training_events.read(run.adapter_dir)
    curves = {key: training_events.curve(logged, key) for key in CURVES}
    found.append(training_section.section(curves, "From adapter/events.jsonl, stage train"))
    pairs = 0
    if verdict is not None:
        court = read_json(run.qualification_path)["judges"] if run.qualification_path.exists() else {}
        found.append(raters_section(verdict, court, voted, source_of(run.qualification_path, manifest, "judge")))
        found.append(agreement_section(verdict, voted))
        pairs = sum(comparison["pairs"] for comparison in verdict["comparisons"])
    found.append(published_section.section(settings, verdict, curves, manifest))
    found += [methods_section(settings, pairs), provenance_section(settings, manifest)]
    return [section for section in found if section is not None]


def by_arm(path: Callable[[str], Path]) -> dict[str, Any]:
    """What was written of each arm that has such a file."""
    return {arm: read_json(path(arm)) for arm in reversed(ARMS) if path(arm).exists()}


def page(name: str, decision: dict[str, Any], content: list[Section], written: str) -> str:
    """The report as one HTML file."""
    return html.render(
        f"{name}: {decision['decision']}",
        capital(decision["sentence"].partition(": ")[2]) or decision["sentence"],
        f"{name}. Written {written}.",
        content,
        stamp=capital(decision["decision"]),
        good=decision["decision"] == "deploy",
        foot="One file, no network, nothing to run. The same words are in report.md.",
    )


@exits_cleanly
def main() -> None:
    name, _ = arguments.parse(__doc__, {})
    run = Run(name)
    if not run.decision_path.exists():
        raise UserError(f"{run.decision_path}: no decision to report", hint=f"make decide RUN={name}")
    decision = read_json(run.decision_path)
    content = sections(run, recipes.load(name), decision)
    write_text(run.dir / "report.md", markdown(decision["sentence"], content))
    write_text(run.report_path, page(name, decision, content, time.strftime("%Y-%m-%d %H:%M")))
    print(run.report_path)


if __name__ == "__main__":
    main()
