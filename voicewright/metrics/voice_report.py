"""The voice report of a run: every registered measure of every arm, the scale they rest on, copying and forgetting."""

from __future__ import annotations

from pathlib import Path

from voicewright.core import labels
from voicewright.core.documents.intervals import Figure
from voicewright.core.documents.voice_report import Measure, VoiceReport
from voicewright.core.paths import Run
from voicewright.metrics import diversity, forgetting, habits, memorization, registry, transfer
from voicewright.metrics.language import REASONS
from voicewright.metrics.material import Material, gather, rate_beside_author
from voicewright.metrics.registry import MeasureValues, RegisteredMeasure
from voicewright.recipe import recipes
from voicewright.recipe.schema import Eval
from voicewright.stats import intervals
from voicewright.stylometry import imposters
from voicewright.stylometry.style_space import Space

# Similarity to the nearest other author, as a share of the least such similarity among the other authors themselves,
# below which the other authors do not cover the author's genre.
MIN_GENRE_SIMILARITY = 1.0


def voice_report(run: Run, settings: Eval | None = None, space: Space | None = None) -> VoiceReport:
    """Measure every arm of a run against the author, from its rows, generations and likelihoods.

    `settings`: seed, resamples and other authors, by default those of the run's recipe. `space`: other authors, instead
    of those that the settings name. Nothing is written. Raises UserError where there is nothing to compare.
    """
    settings = settings or recipes.load(run.name).eval
    if space is None and settings.imposters:
        space = imposters.shipped_space(Path(settings.imposters))
    material = gather(run, settings.bootstrap, settings.seed, space)
    measures = {name: evaluate(measure, material) for name, measure in registry.measures().items()}
    overshoot = habits.overshoots(measures)
    copying = memorization.copying_report(material)
    uncopied = transfer.score_other_texts(material, memorization.texts_without_copies(material))
    answers = material.all_texts()
    own_terms = [] if "other_authors" in material.unmet_needs else habits.terms_of_author(material)
    return VoiceReport(
        arms=list(material.generations),
        measures=measures,
        calibration=transfer.calibration(material),
        overshoot=overshoot,
        caricature=habits.caricature_alarms(measures, overshoot),
        copying=copying.model_copy(update={"transfer_without_copies": uncopied}),
        forgetting=forgetting.forgetting_report(material),
        own_terms=habits.term_uses(own_terms, material.training.texts, answers),
        slop=diversity.machine_phrases(material.training.texts, answers),
        notes=notes(material),
    )


def evaluate(measure: RegisteredMeasure, material: Material) -> Measure:
    """A registered measure of every arm; without values where the author's text does not meet its needs."""
    unmet = [reason for need, reason in material.unmet_needs.items() if need in measure.needs]
    if unmet:
        values = MeasureValues({arm: intervals.unavailable(unmet[0]) for arm in material.blocks})
    elif measure.rate is not None:
        values = rate_beside_author(material, measure.rate, measure.better)
    else:
        assert measure.values is not None
        values = measure.values(material)
    left_out = {arm: intervals.unavailable(why) for arm, why in material.left_out.items()}
    return Measure(
        title=measure.title,
        definition=" ".join(filter(None, [measure.definition, values.details])),
        unit=measure.unit,
        range=measure.range,
        better=measure.better,
        arms={**values.arms, **{arm: figure for arm, figure in left_out.items() if arm not in values.arms}},
        reference=values.reference,
    )


def notes(material: Material) -> list[str]:
    """What a reader must know before trusting the figures."""
    sentences = [f"The {labels.arm(arm)} is not measured: {why}." for arm, why in material.left_out.items()]
    n_answered = len(set().union(*(set(material.texts[arm]) for arm in material.blocks)))
    if n_answered > len(material.prompts):
        sentences.append(f"Measured on the {len(material.prompts)} prompts that every arm answered, of {n_answered}.")
    if not material.heldout.texts:
        sentences.append("Nothing was held out: no measure can be calibrated by the author's own unseen text.")
    elif material.heldout.sections & material.training.sections:
        sentences.append(
            "The held-out text shares a chapter with the training text. This overestimates how similar the author is "
            "to themselves: two chapters differ more than two parts of one."
        )
    if material.lack_of_text:
        sentences.append(f"Too little text: {material.lack_of_text}.")
    if "other_authors" in material.unmet_needs:
        sentences.append(f"Not compared with other authors: {REASONS['other_authors']}")
    nearest, least = material.author.profile.nearest_similarity()
    if nearest < MIN_GENRE_SIMILARITY * least:
        sentences.append(
            "The author's genre is far from those of the other authors that are compared with. Add authors of the "
            "genre with make imposters CORPUS=folder OUT=file.npz."
        )
    return sentences


def figure_line(figure: Figure) -> str:
    """A figure in one line."""
    if figure.value is None:
        return figure.status
    bounds = "" if figure.low is None else f" ({figure.low:.3g} to {figure.high:.3g})"
    return f"{figure.value:.3g}{bounds}"
