"""How much of the author's voice each arm has: RUN -> voice.json, from its rows, generations and likelihoods.

python -m benchmarks.voice RUN
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from voicewright.cli import arguments
from voicewright.core import labels
from voicewright.core.documents.base import write_document
from voicewright.core.documents.intervals import Figure
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.errors import exits_cleanly, notice
from voicewright.core.paths import Run
from voicewright.metrics import (
    diversity,
    forgetting,
    habits,
    language,
    leakage,
    likelihoods,
    memorization_report,
    samples,
)
from voicewright.metrics import material as appraisal
from voicewright.metrics import transfer as scores
from voicewright.metrics.material import Material, Measure
from voicewright.metrics.samples import BASE, Passages
from voicewright.recipe import recipes
from voicewright.stats import intervals
from voicewright.stylometry import imposters, profile
from voicewright.stylometry.style_space import Space

# Likeness to the nearest other author, against the least among them, below which the genre counts as uncovered.
FAR = 1.0


def appraise(run: Run, resamples: int, seed: int, space: Space | None = None) -> VoiceReport:
    """The whole document; `space`: other authors than the shipped ones.

    Raises UserError where nothing can be measured at all.
    """
    arms = samples.read_arms(run)
    training, heldout = samples.author_rows(run, "train"), samples.author_rows(run, "heldout")
    texts: dict[str, dict[str, list[str]]] = {arm: samples.by_prompt(rows, in_field=True) for arm, rows in arms.items()}
    shared, left = samples.shared_prompts(texts)
    rng = np.random.default_rng(seed)
    # Sorted ids would put prompts of one kind into one cluster.
    order = [shared[i] for i in rng.permutation(len(shared))]
    measured = {arm: found for arm, found in texts.items() if arm not in left}
    material = appraisal.gather(training.texts, heldout.texts, measured, order, resamples, seed, space)
    transfer, marks = scores.transfer(material)
    domains = {str(row["prompt_id"]): str(row["domain"]) for rows in arms.values() for row in rows}
    marks["by_domain"] = scores.by_domain(material, measured, domains, resamples, seed)
    measures: dict[str, Measure] = {"transfer": transfer, **scores.shares(material)}
    measures["bits_per_character"] = likelihoods.likelihoods(run, resamples, seed)
    said = {arm: [text for answers in found.values() for text in answers] for arm, found in texts.items()}
    terms = habits.own_terms(training.texts, said.get(BASE, []), material.author.profile.space)
    measures |= habits.rates(material, terms)
    measures |= likelihoods.answers(arms)
    index = memorization_report.indexed(training)
    found = memorization_report.report(index, training, heldout, arms, samples.read_prefixes(run))
    measures["copying"] = memorization_report.measure(found)
    clean = {arm: kept for arm in measured if (kept := memorization_report.cleaned(index, arms[arm])) is not None}
    found["transfer_without_copies"] = {
        arm: figure.to_json() for arm, figure in scores.without_copying(material, clean).items()
    }
    outside = {
        str(row["prompt_id"]): str(row["domain"]) for rows in arms.values() for row in rows if forgetting.outside(row)
    }
    leaked = leakage.percent_of_the_way(material, arms, sorted(outside))
    unread = language.unread(material.author.profile, training.texts)
    for name, why in unread.items():
        measures[name] = language.without(measures[name], why)
    if "transfer" in unread:
        # Parts of a figure that means nothing mean nothing either.
        marks |= {"views": {}, "by_domain": {}, "distance": {}, "other_authors": {}}
        found["transfer_without_copies"], leaked = {}, {}
    for measure in measures.values():
        for arm, why in left.items():
            measure.arms.setdefault(arm, intervals.unavailable(why))
    over = habits.overshoot(measures)
    neutral = {arm: samples.by_prompt(rows, in_field=False) for arm, rows in arms.items()}
    document = {
        "arms": list(arms),
        "measures": {name: measure.as_row() for name, measure in measures.items()},
        "calibration": marks,
        "overshoot": over,
        "caricature": habits.alarms(measures, over),
        "copying": found,
        "forgetting": {
            "margin_percent": forgetting.MARGIN_PERCENT,
            "arms": forgetting.table(neutral, outside, BASE, resamples, seed),
            "leakage": leaked,
            "tasks": forgetting.tasks(samples.read_tasks(run), BASE),
        },
        "own_terms": [] if "own_terms" in unread else habits.terms_used(terms, training.texts, said),
        "slop": diversity.slop_phrases(training.texts, said),
        "notes": notes(material, training, heldout, texts, shared, left),
    }
    return VoiceReport.model_validate(document)


def notes(
    material: Material,
    training: Passages,
    heldout: Passages,
    texts: Mapping[str, Mapping[str, Any]],
    shared: Sequence[str],
    left: Mapping[str, str],
) -> list[str]:
    """What a reader must know before trusting the figures."""
    said = [f"The {labels.arm(arm)} is left out: {why}." for arm, why in left.items()]
    asked = set().union(*(set(found) for arm, found in texts.items() if arm not in left))
    if len(asked) > len(shared):
        said.append(f"Measured on the {len(shared)} prompts that every arm answered, of {len(asked)}.")
    if not heldout.texts:
        said.append("Nothing was held out: no measure can be calibrated by the author's own unseen text.")
    elif heldout.sections & training.sections:
        said.append(
            "The held-out text shares a chapter with the training text, which makes the author look more like "
            "themselves than another chapter would."
        )
    why = material.too_little()
    if why:
        said.append(f"Too little text: {why}.")
    if profile.foreign(material.author.profile):
        said.append(f"Not measured against other authors: {language.FOREIGN}")
    near, least = profile.strangeness(material.author.profile)
    if near < FAR * least:
        said.append(
            "The author's genre is far from all other authors whose figures are used: add a genre's own with "
            "python -m benchmarks.style.imposters FOLDER FILE.npz."
        )
    return said


@exits_cleanly
def main() -> None:
    name, _ = arguments.parse(__doc__, {})
    run, settings = Run(name), recipes.load(name).eval
    space = imposters.shipped(Path(settings.imposters)) if settings.imposters else None
    report = appraise(run, settings.bootstrap, settings.seed, space)
    write_document(run.voice_path, report)
    for note in report.notes:
        notice(note)
    for measure in report.measures.values():
        figures = [f"{arm} {line(figure)}" for arm, figure in measure.arms.items()]
        print(f"{measure.title} ({measure.unit}): {'; '.join(figures) or 'not available'}")
    for arm, alarms in report.caricature.items():
        print(f"Caricature alarm, {arm}: {' '.join(alarms)}")


def line(figure: Figure) -> str:
    """A figure in one line."""
    if figure.value is None:
        return figure.status
    bounds = "" if figure.low is None else f" ({figure.low:.3g} to {figure.high:.3g})"
    return f"{figure.value:.3g}{bounds}"


if __name__ == "__main__":
    main()
