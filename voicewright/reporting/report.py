"""The report of a run: one page with the decision, its evidence and where each figure came from."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from voicewright.core import labels, training_events
from voicewright.core.documents.base import Document, read_document, read_documents
from voicewright.core.documents.decision import Decision
from voicewright.core.documents.generation import OUT_OF_DOMAIN, Generation, ModeTags, PreferenceMargins
from voicewright.core.documents.judging import JudgeQualifications, Verdict
from voicewright.core.documents.manifest import read_manifest
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import write_text
from voicewright.core.text import opening
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.reporting import html
from voicewright.reporting.answers import mode_tags_section, preferences_section
from voicewright.reporting.blocks import Sample, Section, capitalised, markdown
from voicewright.reporting.evidence import advice_section, blind_section, samples_section, targets_section
from voicewright.reporting.memorization_and_forgetting import forgetting_section, memorization_section
from voicewright.reporting.methods import methods_section, provenance_section, source_line
from voicewright.reporting.published import published_section
from voicewright.reporting.raters import agreement_section, raters_section
from voicewright.reporting.similarity import similarity_section
from voicewright.reporting.training import training_section
from voicewright.reporting.wording import wording_section

SAMPLES = 3
SAMPLE_WORDS = 120
# The tested arm first: what a reader wants to read.
ARMS = ("finetuned", "baseline", "prompted")
HEADING = re.compile(r"^#{1,6} +", re.MULTILINE)
CURVES = ("loss", "eval_loss", "learning_rate", "memory/max_allocated (GiB)")
# Sections on voice.json, in the order in which a writer asks.
VOICE_SECTIONS = (similarity_section, wording_section, memorization_section, forgetting_section)
D = TypeVar("D", bound=Document)


def write_report(run: Run) -> Path:
    """Write report.html and report.md of a run; return the path of the former. Raises UserError before `decide`."""
    if not run.decision_path.exists():
        raise UserError(f"{run.decision_path}: no decision to report", hint=f"make decide RUN={run.name}")
    decision = read_document(run.decision_path, Decision)
    content = sections(run, recipes.load(run.name), decision)
    write_text(run.dir / "report.md", markdown(decision.sentence, content))
    write_text(run.report_path, page(run.name, decision, content, time.strftime("%Y-%m-%d %H:%M")))
    return run.report_path


def sections(run: Run, recipe: Recipe, decision: Decision) -> list[Section]:
    """The whole report; a section whose documents are not there is left out."""
    manifest = read_manifest(run)
    verdict = _read(run.verdict_path, Verdict)
    report = _read(run.voice_path, VoiceReport)
    verdict_source = source_line(run.verdict_path, manifest, "verdict")
    content: list[Section | None] = [
        targets_section(decision, source_line(run.decision_path, manifest, "decide")),
        advice_section(decision),
        samples_section(select_samples(run, recipe.eval.seed)),
    ]
    if verdict is not None:
        content.append(blind_section(verdict, verdict_source))
    if report is not None:
        voice_source = source_line(run.voice_path, manifest, "voice")
        content += [section(report, voice_source) for section in VOICE_SECTIONS]
    content.append(mode_tags_section(_by_arm(run.tags_path, ModeTags)))
    content.append(preferences_section(_by_arm(run.preferred_path, PreferenceMargins)))
    events = training_events.read(run.adapter_dir)
    curves = {metric: training_events.curve(events, metric) for metric in CURVES}
    content.append(training_section(curves, "From adapter/events.jsonl, stage train"))
    if verdict is not None:
        qualifications = _read(run.qualification_path, JudgeQualifications)
        content.append(
            raters_section(
                verdict,
                qualifications.judges if qualifications else {},
                verdict_source,
                source_line(run.qualification_path, manifest, "judge"),
            )
        )
        content.append(agreement_section(verdict, verdict_source))
    content.append(published_section(recipe, verdict, curves, manifest))
    pairs = sum(comparison.pairs for comparison in verdict.comparisons) if verdict else 0
    content += [methods_section(recipe, pairs), provenance_section(recipe, manifest)]
    return [section for section in content if section is not None]


def _read(path: Path, model: type[D]) -> D | None:
    return read_document(path, model) if path.exists() else None


def _by_arm(path: Callable[[str], Path], model: type[D]) -> dict[str, D]:
    return {arm: read_document(path(arm), model) for arm in reversed(ARMS) if path(arm).exists()}


def select_samples(run: Run, seed: int) -> list[Sample]:
    """The first answers of the arms to a few prompts drawn by the seed, with the author's own where it is known."""
    arms: dict[str, dict[str, Generation]] = {}
    for arm in ARMS:
        path = run.generations_path(arm)
        if path.exists():
            arms[arm] = {
                row.prompt_id: row
                for row in read_documents(path, Generation)
                if row.sample == 0 and not row.error and row.domain not in OUT_OF_DOMAIN
            }
    shared = sorted(set.intersection(*(set(rows) for rows in arms.values()))) if arms else []
    samples: list[Sample] = []
    for prompt in random.Random(seed).sample(shared, min(SAMPLES, len(shared))):
        row = next(iter(arms.values()))[prompt]
        texts = [(labels.arm(arm), opening(rows[prompt].text, SAMPLE_WORDS)) for arm, rows in arms.items()]
        if row.reference:
            texts.insert(1, ("what the author wrote", opening(row.reference, SAMPLE_WORDS)))
        title = "Another prompt" if samples else ""
        text = HEADING.sub("", row.prompt).strip()
        samples.append(Sample(text, labels.kind(row.domain), dict(texts), title, folded=bool(samples)))
    return samples


def page(name: str, decision: Decision, content: list[Section], written: str) -> str:
    """The report as one HTML file."""
    return html.render(
        f"{name}: {decision.decision}",
        capitalised(decision.sentence.partition(": ")[2]) or decision.sentence,
        f"{name}. Written {written}.",
        content,
        stamp=capitalised(decision.decision),
        good=decision.decision == "deploy",
        footer="One file without scripts or network access. report.md has the same text.",
    )
