"""The measures with targets: transfer, calibrated between base and author, and shares of the author's own level."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from voicewright.core.documents.intervals import Figure
from voicewright.metrics import author as authors
from voicewright.metrics import diagnostics, markers
from voicewright.metrics import material as appraisal
from voicewright.metrics.material import HELDOUT, Material, Measure, Texts
from voicewright.metrics.samples import BASE
from voicewright.stats import intervals
from voicewright.stylometry import passages
from voicewright.stylometry.features import VIEWS, Floats
from voicewright.stylometry.passages import Passage

NO_BASE = "there is no baseline arm to measure from"
VIEW_TITLES = {
    "words": ("Words", "Which words, and how often each."),
    "chars": ("Letter sequences", "Three to five letters in a row: endings, contractions, spelling."),
    "syntax": ("Syntax", "How sentences are put together, whatever they are about: content words are masked."),
    "punctuation": ("Punctuation", "Which marks, and how often each."),
    "sentences": ("Sentence lengths", "How many sentences are how long."),
}


def distances(material: Material, view: str = "all") -> tuple[dict[str, Floats], Floats]:
    """Mean distances to the author in every resample: of each arm, and of the held-out text."""
    author = material.author
    return material.replicates(lambda key: author.profile.distances(material.counts[key], author.size, view))


def transfer(material: Material) -> tuple[Measure, dict[str, Any]]:
    """The calibrated score, and the distances that it is made of."""
    found, heldout = distances(material)
    base = found.get(BASE)
    arms = appraisal.guarded(
        material,
        {
            arm: intervals.unavailable(NO_BASE) if base is None else intervals.calibrated_score(base, values, heldout)
            for arm, values in found.items()
        },
    )
    others = material.author.profile.imposter_distances(material.author.size)
    marks: dict[str, Any] = {
        "distance": {
            **{arm: intervals.percentile_figure(values).to_json() for arm, values in found.items()},
            HELDOUT: intervals.percentile_figure(heldout).to_json(),
        },
        "other_authors": others,
        "block_words": material.author.size,
        "prompts_per_cluster": material.together,
        "clusters": int(material.weights.shape[1]),
        "heldout_blocks": len(material.heldout.passages),
        "training_words": material.author.words,
    }
    reference: dict[str, Any] = {"base": 0.0, HELDOUT: 100.0, "other_authors": None}
    if base is not None and arms[BASE].value is not None and others:
        # The base model's output is always among the others.
        marks["other_authors"] = dict(sorted({**others, "the base model": float(base[0])}.items(), key=lambda p: p[1]))
        scale = 100.0 / (float(base[0]) - float(heldout[0]))
        nearest = next(iter(others))
        reference["other_authors"] = scale * (float(base[0]) - float(np.mean(list(others.values()))))
        reference["nearest_other_author"] = {"name": nearest, "value": scale * (float(base[0]) - others[nearest])}
        marks["views"] = views(material)
    return Measure(
        "Voice transfer",
        "How far the model has moved from the base model towards the author, in everything that tells writers apart: "
        "words, letter sequences, syntax, punctuation, sentence length. 0 is the base model, 100 the author's own text "
        "that training never saw. Over 100 is no triumph but caricature or copying.",
        "percent of the way",
        (None, None),
        "higher",
        arms,
        reference,
    ), marks


def views(material: Material) -> dict[str, Any]:
    """The same score for each view alone: where the voice has arrived, and where not."""
    rows = {}
    for view in VIEWS:
        found, heldout = distances(material, view)
        rows[view] = {
            "title": VIEW_TITLES[view][0],
            "definition": VIEW_TITLES[view][1],
            "arms": {
                arm: intervals.calibrated_score(found[BASE], values, heldout).to_json() for arm, values in found.items()
            },
        }
    return rows


def by_domain(
    material: Material, arms: Mapping[str, Texts], domains: Mapping[str, str], resamples: int, seed: int
) -> dict[str, Any]:
    """Transfer of each kind of prompt alone: domain -> arm -> figure; a kind with too little text has none."""
    _, heldout = distances(material)
    author, found = material.author, {}
    for domain in sorted({domains[prompt] for prompt in material.order}):
        order = [prompt for prompt in material.order if domains[prompt] == domain]
        weights = intervals.resampling_weights(-(-len(order) // material.together), resamples, seed, corrected=True)
        means = {}
        for arm, texts in arms.items():
            blocks = passages.of_prompts(texts, order, author.size, material.together)
            counts = author.profile.space.vocabulary.table([passage.plain for passage in blocks.passages])
            means[arm] = intervals.resampled_means(
                author.profile.distances(counts, author.size), blocks.clusters, weights
            )
        few = weights.shape[1] < appraisal.FEWEST_CLUSTERS or bool(material.too_little())
        found[domain] = {
            arm: (
                intervals.unavailable("too few prompts of this kind")
                if few or BASE not in means
                else intervals.calibrated_score(means[BASE], values, heldout)
            ).to_json()
            for arm, values in means.items()
        }
    return found


def without_copying(material: Material, arms: Mapping[str, Texts]) -> dict[str, Figure]:
    """Transfer of texts from which copied spans were cut; an arm without any is not in `arms`."""
    found, heldout = distances(material)
    if BASE not in found or material.too_little():
        return {}
    author, figures = material.author, {}
    for arm, texts in arms.items():
        blocks = passages.of_prompts(texts, material.order, author.size, material.together)
        counts = author.profile.space.vocabulary.table([passage.plain for passage in blocks.passages])
        values = intervals.resampled_means(
            author.profile.distances(counts, author.size), blocks.clusters, material.weights
        )
        figures[arm] = intervals.calibrated_score(found[BASE], values, heldout)
    return figures


def shares(material: Material) -> dict[str, Measure]:
    """The measures that are percentages of the author's own held-out level."""
    author = material.author
    shown = shown_markers(material)

    def measure(
        title: str, definition: str, read: Callable[[str], Floats], top: float | None, better: str = "higher"
    ) -> Measure:
        found, heldout = material.replicates(read)
        arms = appraisal.guarded(
            material, {arm: intervals.share_of_level(values, heldout) for arm, values in found.items()}
        )

        def good(values: Floats) -> Floats:
            return values if better == "higher" else -np.abs(values - heldout)

        gains = (
            {
                arm: intervals.share_of_level(good(values) - good(found[BASE]), heldout).to_json()
                for arm, values in found.items()
                if arm != BASE and arms[arm].value is not None
            }
            if BASE in found
            else {}
        )
        return Measure(
            title,
            definition,
            "percent of the author's own held-out text",
            (0, None),
            better,
            arms,
            {
                HELDOUT: 100.0,
                "heldout_level": intervals.percentile_figure(heldout).to_json(),
                "gain_over_base": gains,
                "level": {arm: intervals.percentile_figure(values).to_json() for arm, values in found.items()},
                "level_range": [0, top],
            },
        )

    def of(read: Callable[[Passage], float]) -> Callable[[str], Floats]:
        return material.of_passages(read)

    named = ", ".join(name.replace("_", " ") for name in shown)
    return {
        "vocabulary": measure(
            "Vocabulary",
            "How much of the author's own vocabulary the text uses, as often as the author does: words that the author "
            "uses at least twice as often as other writers, names left out. 100 is what the author's unseen text "
            "reaches.",
            of(lambda passage: authors.vocabulary_overlap(author, passage)),
            sum(author.vocabulary.values()),
        ),
        "structure": measure(
            "Sentence structure",
            "How alike the sentences are built: the lengths of sentences, clauses and paragraphs, and how sentences "
            "begin. 100 is as alike as the author's unseen text.",
            of(lambda passage: authors.structure_likeness(author, passage)),
            1.0,
        ),
        "markers": measure(
            "Style markers",
            f"How well the habits a reader notices at once agree with the author's ({named}). Too much of a habit "
            "costs as much as too little. 100 is the agreement of the author's unseen text.",
            of(lambda passage: authors.marker_agreement(author, markers.rates(passage), shown)),
            1.0,
        ),
        "pov": measure(
            "Point of view",
            "How consistently the narration, quoted speech left out, is told in the author's person: I, you, or he "
            "and she. 100 is the consistency of the author's unseen text.",
            of(lambda passage: authors.person_agreement(author, passage)),
            1.0,
        ),
        "word_order": measure(
            "Word order",
            "How much of the text runs in word sequences that English prose knows, content words masked. Words in a "
            "shuffled order fall far below 100, however right the words are.",
            lambda key: diagnostics.ordered(material, key),
            None,
            "author",
        ),
        "topic": measure(
            "Topic",
            "How much the content words, the 500 commonest left out, agree with the author's (word TF-IDF). A voice "
            "can be right on another topic, and a topic can be right in another voice.",
            lambda key: diagnostics.topic(material, key),
            1.0,
            "author",
        ),
        "letters": measure(
            "Letters",
            "How much the runs of three to five letters agree with the author's (character TF-IDF): endings, "
            "contractions, spelling, and favourite words. All English is alike in most of them.",
            lambda key: diagnostics.letters(material, key),
            1.0,
            "author",
        ),
    }


def shown_markers(material: Material) -> list[str]:
    """The markers that the author or any arm shows: agreeing on what nobody does proves nothing."""
    most = {
        name: max(
            [
                material.author.marker_means[name],
                *[float(np.mean(values)) for arm in material.arms if len(values := material.of_passages(read)(arm))],
            ]
        )
        for name, (_, _, read) in markers.MARKERS.items()
    }
    return [name for name, rate in most.items() if rate >= authors.SHOWN]
