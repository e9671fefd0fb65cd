"""The measures with targets: voice transfer, calibrated between base and author, and shares of the author's level."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from voicewright.core.documents.intervals import Figure
from voicewright.core.documents.voice_report import Calibration, NearestAuthor, Reference, View
from voicewright.metrics import author as authors
from voicewright.metrics import markers, registry
from voicewright.metrics.material import (
    HELDOUT,
    MIN_CLUSTERS,
    OF_HELDOUT,
    Material,
    TextsByPrompt,
    share_of_heldout,
)
from voicewright.metrics.registry import MeasureValues, measure
from voicewright.metrics.samples import BASE
from voicewright.stats import intervals
from voicewright.stylometry.features import VIEWS, Floats

# A marker is compared where the author or an arm has at least so much of it, in its own unit.
MIN_MARKER_RATE = 0.3
VIEW_TITLES = {
    "words": ("Words", "Which words are used, and how often."),
    "chars": ("Letter sequences", "Sequences of three to five letters: endings, contractions, spelling."),
    "syntax": ("Syntax", "How sentences are built, whatever their subject: content words are masked."),
    "punctuation": ("Punctuation", "Which punctuation marks are used, and how often."),
    "sentences": ("Sentence lengths", "The distribution of sentence lengths."),
}


@functools.lru_cache(maxsize=len(VIEWS) + 1)
def distances(material: Material, view: str = "all") -> tuple[dict[str, Floats], Floats]:
    """Mean distances to the author in every resample: by arm, and of the held-out text."""
    author = material.author
    return material.replicates(lambda key: author.profile.distances(material.counts[key], author.size, view))


def scores(material: Material, view: str = "all") -> dict[str, Figure]:
    """By arm, 100 * (D_base - D_arm) / (D_base - D_heldout), or the reason why there is none."""
    arms, heldout = distances(material, view)
    if BASE not in arms:
        return material.guarded(dict.fromkeys(arms, intervals.unavailable("there is no baseline arm to measure from")))
    return material.guarded({arm: intervals.calibrated_score(arms[BASE], each, heldout) for arm, each in arms.items()})


@measure(
    name="transfer",
    title="Voice transfer",
    unit="percent of the way",
    better="higher",
    range=(None, None),
    needs=("other_authors",),
    per="report",
)
def transfer(material: Material) -> MeasureValues:
    """How far the model has moved from the base model towards the author in the features that distinguish writers:
    words, letter sequences, syntax, punctuation and sentence lengths. 0 is the base model, 100 the author's own text
    that was held out of training. A value over 100 means caricature or copying.
    """
    figures = scores(material)
    reference = Reference(base=0.0, heldout=100.0, other_authors=None)
    others = material.author.profile.imposter_distances(material.author.size)
    if others and BASE in figures and figures[BASE].value is not None:
        arms, heldout = distances(material)
        base = float(arms[BASE][0])
        scale = 100.0 / (base - float(heldout[0]))
        nearest = next(iter(others))
        reference.other_authors = scale * (base - float(np.mean(list(others.values()))))
        reference.nearest_other_author = NearestAuthor(name=nearest, value=scale * (base - others[nearest]))
    return MeasureValues(figures, reference)


def calibration(material: Material) -> Calibration:
    """The scale of voice transfer, and its parts by view and by kind of prompt; none where transfer means nothing."""
    amounts = Calibration(
        distance={},
        other_authors={},
        block_words=material.author.size,
        prompts_per_cluster=material.prompts_per_cluster,
        clusters=material.n_clusters,
        heldout_blocks=len(material.heldout_blocks.passages),
        training_words=material.author.words,
        views={},
        by_domain={},
    )
    if "other_authors" in material.unmet_needs:
        return amounts
    arms, heldout = distances(material)
    others = material.author.profile.imposter_distances(material.author.size)
    views = {}
    if others and BASE in arms and scores(material)[BASE].value is not None:
        others = dict(sorted({**others, "the base model": float(arms[BASE][0])}.items(), key=lambda pair: pair[1]))
        views = {view: _view(material, view) for view in VIEWS}
    return amounts.model_copy(
        update={
            "distance": {key: intervals.percentile_figure(each) for key, each in {**arms, HELDOUT: heldout}.items()},
            "other_authors": others,
            "views": views,
            "by_domain": _by_domain(material),
        }
    )


def _view(material: Material, view: str) -> View:
    arms, heldout = distances(material, view)
    title, definition = VIEW_TITLES[view]
    figures = {arm: intervals.calibrated_score(arms[BASE], each, heldout) for arm, each in arms.items()}
    return View(title=title, definition=definition, arms=figures)


def _by_domain(material: Material) -> dict[str, dict[str, Figure]]:
    """By kind of prompt and arm, voice transfer on these prompts alone; a kind with too little text has no value."""
    _, heldout = distances(material)
    domains = {row.prompt_id: row.domain for rows in material.generations.values() for row in rows}
    figures = {}
    for domain in sorted({domains[prompt] for prompt in material.prompts}):
        prompts = [prompt for prompt in material.prompts if domains[prompt] == domain]
        n_clusters = -(-len(prompts) // material.prompts_per_cluster)
        weights = intervals.resampling_weights(n_clusters, material.resamples, material.seed, corrected=True)
        arms = {arm: material.resampled_distances(material.texts[arm], prompts, weights) for arm in material.blocks}
        too_few = n_clusters < MIN_CLUSTERS or BASE not in arms or material.lack_of_text
        figures[domain] = {
            arm: intervals.unavailable("too few prompts of this kind")
            if too_few
            else intervals.calibrated_score(arms[BASE], each, heldout)
            for arm, each in arms.items()
        }
    return figures


def score_other_texts(material: Material, arms: Mapping[str, TextsByPrompt]) -> dict[str, Figure]:
    """By arm, voice transfer of other texts for the same prompts; empty where there is no scale."""
    measured, heldout = distances(material)
    if BASE not in measured or material.lack_of_text or "other_authors" in material.unmet_needs:
        return {}
    return {
        arm: intervals.calibrated_score(
            measured[BASE], material.resampled_distances(texts, material.prompts, material.weights), heldout
        )
        for arm, texts in arms.items()
    }


@measure(
    name="vocabulary", title="Vocabulary", unit=OF_HELDOUT, better="higher", needs=("other_authors",), per="report"
)
def vocabulary(material: Material) -> MeasureValues:
    """How much the text uses the author's own vocabulary, up to the author's own rate: words that the author uses at
    least twice as often as other writers, names excluded. 100 is the level of the author's held-out text.
    """
    author = material.author
    values = material.per_passage(lambda passage: authors.vocabulary_overlap(author, passage))
    return share_of_heldout(material, values, sum(author.vocabulary.values()), "higher")


@measure(name="structure", title="Sentence structure", unit=OF_HELDOUT, better="higher", per="report")
def structure(material: Material) -> MeasureValues:
    """How similar the sentences are to the author's: lengths of sentences, clauses and paragraphs, and how sentences
    begin. 100 is the level of the author's held-out text.
    """
    values = material.per_passage(lambda passage: authors.structure_similarity(material.author, passage))
    return share_of_heldout(material, values, 1.0, "higher")


@measure(name="markers", title="Style markers", unit=OF_HELDOUT, better="higher", needs=("english",), per="report")
def style_markers(material: Material) -> MeasureValues:
    """How well the rates of conspicuous habits agree with the author's. Using a habit too often lowers the value as
    much as using it too seldom. 100 is the level of the author's held-out text.
    """
    names = compared_markers(material)
    values = material.per_passage(
        lambda passage: authors.marker_agreement(material.author, markers.marker_rates(passage), names)
    )
    titles = ", ".join(registry.measures()[name].title.lower() for name in names)
    shares = share_of_heldout(material, values, 1.0, "higher")
    return replace(shares, details=f"Habits compared: {titles or 'none'}.")


def compared_markers(material: Material) -> list[str]:
    """The markers that the author or any arm uses: to agree on what nobody uses shows nothing."""

    def highest_mean(name: str) -> float:
        values = [material.per_passage(markers.MARKERS[name])(arm) for arm in material.blocks]
        return max([material.author.marker_means[name], *(float(np.mean(each)) for each in values if len(each))])

    return [name for name in markers.MARKERS if highest_mean(name) >= MIN_MARKER_RATE]


@measure(name="pov", title="Point of view", unit=OF_HELDOUT, better="higher", needs=("english",), per="report")
def point_of_view(material: Material) -> MeasureValues:
    """How consistently the narration, without quoted speech, keeps the author's grammatical person: first (I), second
    (you) or third (he, she). 100 is the level of the author's held-out text.
    """
    values = material.per_passage(lambda passage: authors.person_agreement(material.author, passage))
    return share_of_heldout(material, values, 1.0, "higher")
