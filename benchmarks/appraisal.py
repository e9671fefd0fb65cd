"""The voice report as data: every measure of every arm, with its definition and its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks import author as authors
from benchmarks import markers, passages, resampling
from benchmarks.author import Author
from benchmarks.features import Floats
from benchmarks.passages import Blocks, Passage
from benchmarks.resampling import Figure
from voicewright.errors import UserError

BASE = "baseline"
HELDOUT = "heldout"
# prompt id -> its samples' texts.
Texts = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Measure:
    """How a figure is shown: in words that a writer understands."""

    title: str
    definition: str
    unit: str
    range: tuple[float | None, float | None]
    better: str
    """higher | lower | author (nearer the author's own level)"""
    arms: dict[str, Figure]
    reference: dict[str, Any] = field(default_factory=dict)
    """The author's own level: training text, held-out text with its interval, other authors."""

    def as_row(self) -> dict[str, Any]:
        return {
            "title": self.title, "definition": self.definition, "unit": self.unit, "range": list(self.range),
            "better": self.better, "arms": {arm: figure.as_row() for arm, figure in self.arms.items()},
            "reference": self.reference,
        }


@dataclass(frozen=True)
class Material:
    """All that is compared: blocks of every arm and of the held-out text, and their resampling weights."""

    author: Author
    arms: dict[str, Blocks]
    heldout: Blocks
    weights: Floats
    heldout_weights: Floats
    together: int

    def replicates(self, read: Callable[[Blocks], Floats]) -> tuple[dict[str, Floats], Floats]:
        """Means over blocks in every resample: of each arm, and of the held-out text."""
        found = {arm: resampling.means(read(blocks), blocks, self.weights) for arm, blocks in self.arms.items()}
        return found, resampling.means(read(self.heldout), self.heldout, self.heldout_weights)


def gather(training: Sequence[str], heldout: Sequence[str], arms: Mapping[str, Texts], resamples: int, seed: int,
           measured_on: Sequence[str]) -> Material:
    """Cut everything into blocks of one length. Raises UserError where there is nothing to compare.

    `measured_on`: the prompts that all arms answered, in a fixed order.
    """
    lengths = {arm: [sum(len(text.split()) for text in texts.get(prompt, ())) for prompt in measured_on]
               for arm, texts in arms.items()}
    size, together = passages.grouping(lengths)
    if size == 0:
        raise UserError("every generation is empty: there is nothing to measure",
                        mend="look at the generations and at logs/, then generate again (FORCE=arm)")
    blocks = {arm: passages.of_prompts(texts, measured_on, size, together) for arm, texts in arms.items()}
    clusters = -(-len(measured_on) // together)
    rng = np.random.default_rng(seed)
    kept = passages.of_texts(heldout, size)
    return Material(authors.build(training, size), blocks, kept, resampling.draws(clusters, resamples, rng),
                    resampling.draws(len(kept.passages), resamples, rng), together)


def distances(author: Author) -> Callable[[Blocks], Floats]:
    """Composite distances of blocks to the author."""

    def read(blocks: Blocks) -> Floats:
        counts = author.profile.space.vocabulary.table([passage.plain for passage in blocks.passages])
        return author.profile.distances(counts, author.size)

    return read


def of_passages(read: Callable[[Passage], float]) -> Callable[[Blocks], Floats]:
    """A measure of one passage, over blocks."""
    return lambda blocks: np.array([read(passage) for passage in blocks.passages], dtype=float)


def transfer(material: Material) -> tuple[Measure, dict[str, Any]]:
    """The calibrated score, and the distances that it is made of."""
    found, heldout = material.replicates(distances(material.author))
    base = found.get(BASE)
    arms = {arm: resampling.missing("there is no baseline arm to measure from") if base is None
            else resampling.calibrated(base, values, heldout) for arm, values in found.items()}
    others = material.author.profile.imposter_distances(material.author.size)
    nearest = next(iter(others), None)
    marks: dict[str, Any] = {
        "distance": {**{arm: resampling.interval(values).as_row() for arm, values in found.items()},
                     HELDOUT: resampling.interval(heldout).as_row()},
        "other_authors": others,
        "block_words": material.author.size,
        "clusters": int(material.weights.shape[1]),
        "heldout_blocks": len(material.heldout.passages),
    }
    reference: dict[str, Any] = {"base": 0.0, HELDOUT: 100.0, "other_authors": None}
    identified = base is not None and resampling.calibrated(base, base, heldout).value is not None
    if base is not None and identified and others:
        floor = float(np.mean(list(others.values())))
        scale = 100.0 / (float(base[0]) - float(heldout[0]))
        reference["other_authors"] = scale * (float(base[0]) - floor)
        reference["nearest_other_author"] = {"name": nearest, "value": scale * (float(base[0]) - others[str(nearest)])}
    return Measure(
        "Voice transfer",
        "How far the model has moved from the base model towards the author, in everything that tells writers apart: "
        "words, letter sequences, syntax, punctuation, sentence length. 0 is the base model, 100 the author's own text "
        "that training never saw. Over 100 is no triumph but caricature or copying.",
        "percent of the way", (None, None), "higher", arms, reference), marks


def shares(material: Material) -> dict[str, Measure]:
    """The four measures that are percentages of the author's own held-out level."""
    author = material.author
    shown = shown_markers(material)

    def measure(title: str, definition: str, read: Callable[[Passage], float], top: float) -> Measure:
        found, heldout = material.replicates(of_passages(read))
        arms = {arm: resampling.share(values, heldout) for arm, values in found.items()}
        return Measure(title, definition, "percent of the author's own held-out text", (0, None), "higher", arms,
                       {HELDOUT: 100.0, "heldout_level": resampling.interval(heldout).as_row(),
                        "level": {arm: resampling.interval(values).as_row() for arm, values in found.items()},
                        "level_range": [0, top]})

    named = ", ".join(name.replace("_", " ") for name in shown)
    return {
        "vocabulary": measure(
            "Vocabulary",
            "How much of the author's own vocabulary the text uses, as often as the author does: words that the author "
            "uses at least twice as often as other writers, names left out. 100 is what the author's unseen text "
            "reaches.",
            lambda passage: authors.vocabulary_overlap(author, passage), sum(author.vocabulary.values())),
        "structure": measure(
            "Sentence structure",
            "How alike the sentences are built: the lengths of sentences, clauses and paragraphs, and how sentences "
            "begin. 100 is as alike as the author's unseen text.",
            lambda passage: authors.structure_likeness(author, passage), 1.0),
        "markers": measure(
            "Style markers",
            f"How well the habits a reader notices at once agree with the author's ({named}). Too much of a habit "
            "costs as much as too little. 100 is the agreement of the author's unseen text.",
            lambda passage: authors.marker_agreement(author, markers.rates(passage), shown), 1.0),
        "pov": measure(
            "Point of view",
            "How consistently the narration, quoted speech left out, is told in the author's person: I, you, or he "
            "and she. 100 is the consistency of the author's unseen text.",
            lambda passage: authors.person_agreement(author, passage), 1.0),
    }


def shown_markers(material: Material) -> list[str]:
    """The markers that the author or any arm shows: agreeing on what nobody does proves nothing."""
    texts = [blocks.passages for blocks in material.arms.values()]
    most = {name: max([material.author.marker_means[name], *[_mean(read, found) for found in texts]])
            for name, (_, _, read) in markers.MARKERS.items()}
    return [name for name, rate in most.items() if rate >= authors.SHOWN]


def _mean(read: Callable[[Passage], float], found: Sequence[Passage]) -> float:
    return float(np.mean([read(passage) for passage in found])) if found else 0.0


def rate(material: Material, title: str, definition: str, unit: str, read: Callable[[Passage], float],
         better: str = "author") -> Measure:
    """A plain rate of a passage, beside the author's own."""
    found, heldout = material.replicates(of_passages(read))
    own = [read(passage) for passage in material.author.passages]
    band = np.quantile(own, [0.1, 0.9]).tolist() if own else [None, None]
    return Measure(title, definition, unit, (0, None), better,
                   {arm: resampling.interval(values) for arm, values in found.items()},
                   {"author": float(np.mean(own)) if own else None, "author_band": band,
                    HELDOUT: resampling.interval(heldout).as_row()})
