"""What a voice report is made of: measures, and the material that they are read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from voicewright.core.documents.intervals import Figure
from voicewright.core.errors import UserError
from voicewright.metrics import author as authors
from voicewright.metrics.author import Author
from voicewright.stats import intervals
from voicewright.stylometry import passages
from voicewright.stylometry.features import Counts, Floats
from voicewright.stylometry.passages import Blocks, Passage
from voicewright.stylometry.style_space import Space

HELDOUT = "heldout"
FEWEST_CLUSTERS = 4
FEWEST_HELDOUT = 4
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
            "title": self.title,
            "definition": self.definition,
            "unit": self.unit,
            "range": list(self.range),
            "better": self.better,
            "arms": {arm: figure.to_json() for arm, figure in self.arms.items()},
            "reference": self.reference,
        }


@dataclass(frozen=True)
class Material:
    """All that is compared: blocks of every arm and of the held-out text, and their resampling weights."""

    author: Author
    arms: dict[str, Blocks]
    heldout: Blocks
    counts: dict[str, Counts]
    """Of each arm's blocks, and of the held-out ones."""
    weights: Floats
    heldout_weights: Floats
    order: list[str]
    together: int

    def blocks(self, key: str) -> Blocks:
        """The blocks of an arm or of the held-out text."""
        return self.heldout if key == HELDOUT else self.arms[key]

    def replicates(self, read: Callable[[str], Floats]) -> tuple[dict[str, Floats], Floats]:
        """Means over blocks in every resample: of each arm, and of the held-out text."""
        found = {
            arm: intervals.resampled_means(read(arm), blocks.clusters, self.weights)
            for arm, blocks in self.arms.items()
        }
        return found, intervals.resampled_means(read(HELDOUT), self.heldout.clusters, self.heldout_weights)

    def of_passages(self, read: Callable[[Passage], float]) -> Callable[[str], Floats]:
        """A measure of one passage, over the blocks of an arm."""
        return lambda key: np.array([read(passage) for passage in self.blocks(key).passages], dtype=float)

    def too_little(self) -> str | None:
        """Why no figure can rest on this, if so."""
        if self.weights.shape[1] < FEWEST_CLUSTERS:
            return (
                f"the prompts give {self.weights.shape[1]} independent blocks of {self.author.size} words; "
                f"an interval needs {FEWEST_CLUSTERS}"
            )
        found = len(self.heldout.passages)
        if found < FEWEST_HELDOUT:
            return (
                f"the held-out text gives {found} blocks of {self.author.size} words; "
                f"the author's own level needs {FEWEST_HELDOUT}"
            )
        return None


def gather(
    training: Sequence[str],
    heldout: Sequence[str],
    arms: Mapping[str, Texts],
    order: Sequence[str],
    resamples: int,
    seed: int,
    space: Space | None = None,
) -> Material:
    """Cut everything into blocks of one length. Raises UserError where there is nothing to compare.

    `order`: the prompts that all arms answered, in an order that does not put like beside like. `space`: other
    authors than the shipped ones.
    """
    lengths = {
        arm: [sum(passages.length(text) for text in texts.get(prompt, ())) for prompt in order]
        for arm, texts in arms.items()
    }
    # Blocks so long that the held-out text has too few of them measure nothing.
    longest = sum(passages.length(text) for text in heldout) // FEWEST_HELDOUT
    size, together = passages.grouping(lengths, longest)
    if size == 0:
        raise UserError(
            "every generation is empty: there is nothing to measure",
            hint="look at the generations and at logs/, then generate again (FORCE=arm)",
        )
    blocks = {arm: passages.of_prompts(texts, order, size, together) for arm, texts in arms.items()}
    rng = np.random.default_rng(seed)
    kept = passages.of_texts(heldout, size)
    author = authors.build(training, size, space)
    table = author.profile.space.vocabulary.table
    counts = {
        key: table([passage.plain for passage in found.passages]) for key, found in {**blocks, HELDOUT: kept}.items()
    }
    return Material(
        author,
        blocks,
        kept,
        counts,
        intervals.resampling_weights(-(-len(order) // together), resamples, rng, corrected=True),
        intervals.resampling_weights(len(kept.passages), resamples, rng, corrected=True),
        list(order),
        together,
    )


def guarded(material: Material, figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """The figures, or why there are none: too little text, or an arm that said nothing."""
    why = material.too_little()
    if why:
        return {arm: intervals.unavailable(why) for arm in figures}
    return {
        arm: figure if len(material.arms[arm].passages) else intervals.unavailable("this arm said next to nothing")
        for arm, figure in figures.items()
    }
