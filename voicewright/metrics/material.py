"""What a voice report is computed from, and the two scales that most measures are shown on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from voicewright.core.documents.generation import Generation, Likelihood, LmEvalResult
from voicewright.core.documents.intervals import Figure
from voicewright.core.documents.voice_report import Better, Reference
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.metrics import language, samples
from voicewright.metrics.author import Author, build_author
from voicewright.metrics.registry import MeasureValues, Need, PassageRate
from voicewright.metrics.samples import BASE, AuthorTexts
from voicewright.stats import intervals
from voicewright.stylometry import passages
from voicewright.stylometry.features import Counts, Floats
from voicewright.stylometry.passages import Blocks
from voicewright.stylometry.style_space import Space

HELDOUT = "heldout"
MIN_CLUSTERS = 4
MIN_HELDOUT_BLOCKS = 4
OF_HELDOUT = "percent of the author's own held-out text"
# By prompt id, the texts of its samples.
TextsByPrompt = Mapping[str, Sequence[str]]
# A value for each block of an arm, or of the held-out text (HELDOUT).
BlockValues = Callable[[str], Floats]


@dataclass(frozen=True, eq=False)
class Material:
    """Everything that measures read: rows of the run, and blocks of one length with their resampling weights."""

    training: AuthorTexts
    heldout: AuthorTexts
    generations: dict[str, list[Generation]]
    prefixes: dict[str, list[Generation]]
    """Continuations of training text; no measure but those of memorization reads them."""
    likelihoods: dict[str, dict[str, Likelihood]]
    tasks: dict[str, LmEvalResult]
    texts: dict[str, dict[str, list[str]]]
    """By arm and prompt, the answers in the author's field."""
    prompts: list[str]
    """What every measured arm answered, in random order: sorted, prompts of one kind would share a cluster."""
    left_out: dict[str, str]
    """Arms that are not measured, and why."""
    author: Author
    blocks: dict[str, Blocks]
    """Of every measured arm."""
    heldout_blocks: Blocks
    counts: dict[str, Counts]
    """Of each arm's blocks, and of the held-out ones."""
    prompts_per_cluster: int
    weights: Floats
    """(1 + resamples, clusters of prompts)"""
    heldout_weights: Floats
    """(1 + resamples, held-out blocks)"""
    unmet_needs: dict[Need, str]
    resamples: int
    seed: int

    @property
    def n_clusters(self) -> int:
        """Independent groups of prompts."""
        return int(self.weights.shape[1])

    @property
    def lack_of_text(self) -> str | None:
        """Why no interval can rest on this material, if so."""
        size, n_heldout = self.author.size, len(self.heldout_blocks.passages)
        if self.n_clusters < MIN_CLUSTERS:
            return (
                f"the prompts give {self.n_clusters} independent blocks of {size} words; "
                f"an interval needs {MIN_CLUSTERS}"
            )
        if n_heldout < MIN_HELDOUT_BLOCKS:
            return (
                f"the held-out text gives {n_heldout} blocks of {size} words; "
                f"the author's own level needs {MIN_HELDOUT_BLOCKS}"
            )
        return None

    def all_texts(self) -> dict[str, list[str]]:
        """By arm, all answers in the author's field; arms that are left out included."""
        return {
            arm: [text for answers in by_prompt.values() for text in answers] for arm, by_prompt in self.texts.items()
        }

    def per_passage(self, rate: PassageRate) -> BlockValues:
        """The rate of each passage of an arm, or of the held-out text."""

        def values(key: str) -> Floats:
            blocks = self.heldout_blocks if key == HELDOUT else self.blocks[key]
            return np.array([rate(passage) for passage in blocks.passages], dtype=float)

        return values

    def replicates(self, values: BlockValues) -> tuple[dict[str, Floats], Floats]:
        """Means over blocks in every resample (1 + resamples,): by arm, and of the held-out text."""
        arms = {
            arm: intervals.resampled_means(values(arm), blocks.clusters, self.weights)
            for arm, blocks in self.blocks.items()
        }
        heldout = intervals.resampled_means(values(HELDOUT), self.heldout_blocks.clusters, self.heldout_weights)
        return arms, heldout

    def resampled_distances(self, texts: TextsByPrompt, prompts: Sequence[str], weights: Floats) -> Floats:
        """Mean distance to the author of other texts, cut into blocks as the arms are: one for each row of weights."""
        author = self.author
        blocks = passages.prompt_blocks(texts, prompts, author.size, self.prompts_per_cluster)
        counts = author.profile.space.vocabulary.table([passage.plain for passage in blocks.passages])
        return intervals.resampled_means(author.profile.distances(counts, author.size), blocks.clusters, weights)

    def guarded(self, figures: Mapping[str, Figure]) -> dict[str, Figure]:
        """The arms' figures, or why there are none: too little text, or an arm that wrote almost nothing."""
        if self.lack_of_text:
            return {arm: intervals.unavailable(self.lack_of_text) for arm in figures}
        return {
            arm: figure if self.blocks[arm].passages else intervals.unavailable("this arm wrote almost nothing")
            for arm, figure in figures.items()
        }


def gather(run: Run, resamples: int, seed: int, space: Space | None = None) -> Material:
    """Read a run and cut its texts into blocks of one length; `space`: other authors than the shipped ones.

    Raises UserError where there is nothing to compare.
    """
    generations = samples.read_generations(run)
    training, heldout = samples.read_author_texts(run, "train"), samples.read_author_texts(run, "heldout")
    texts = {arm: samples.texts_by_prompt(rows, in_field=True) for arm, rows in generations.items()}
    shared, left_out = samples.shared_prompts(texts)
    prompts = [shared[i] for i in np.random.default_rng(seed).permutation(len(shared))]
    measured = {arm: by_prompt for arm, by_prompt in texts.items() if arm not in left_out}
    size, prompts_per_cluster = _block_size(measured, prompts, heldout.texts)
    blocks = {arm: passages.prompt_blocks(each, prompts, size, prompts_per_cluster) for arm, each in measured.items()}
    heldout_blocks = passages.text_blocks(heldout.texts, size)
    author = build_author(training.texts, size, space)
    rng = np.random.default_rng(seed)
    return Material(
        training=training,
        heldout=heldout,
        generations=generations,
        prefixes=samples.read_prefixes(run),
        likelihoods=samples.read_likelihoods(run),
        tasks=samples.read_tasks(run),
        texts=texts,
        prompts=prompts,
        left_out=left_out,
        author=author,
        blocks=blocks,
        heldout_blocks=heldout_blocks,
        counts={
            key: author.profile.space.vocabulary.table([passage.plain for passage in each.passages])
            for key, each in {**blocks, HELDOUT: heldout_blocks}.items()
        },
        prompts_per_cluster=prompts_per_cluster,
        weights=intervals.resampling_weights(-(-len(prompts) // prompts_per_cluster), resamples, rng, corrected=True),
        heldout_weights=intervals.resampling_weights(len(heldout_blocks.passages), resamples, rng, corrected=True),
        unmet_needs=language.unmet_needs(author.profile, training.texts),
        resamples=resamples,
        seed=seed,
    )


def _block_size(arms: Mapping[str, TextsByPrompt], prompts: Sequence[str], heldout: Sequence[str]) -> tuple[int, int]:
    """Words of a block, and prompts to a cluster. Raises UserError where every answer is empty."""
    lengths = {
        arm: [sum(passages.word_count(text) for text in texts.get(prompt, ())) for prompt in prompts]
        for arm, texts in arms.items()
    }
    # Longer blocks would leave too few of the held-out text.
    longest = sum(passages.word_count(text) for text in heldout) // MIN_HELDOUT_BLOCKS
    size, prompts_per_cluster = passages.choose_block_size(lengths, longest)
    if size == 0:
        raise UserError(
            "every generation is empty: there is nothing to measure",
            hint="look at the generations and at logs/, then generate again (FORCE=arm)",
        )
    return size, prompts_per_cluster


def rate_beside_author(material: Material, rate: PassageRate, better: Better) -> MeasureValues:
    """A rate in its own unit: the mean of every arm, with the author's mean and band to compare it with."""
    arms, heldout = material.replicates(material.per_passage(rate))
    own = np.array([rate(passage) for passage in material.author.passages], dtype=float)
    own = own[np.isfinite(own)]
    level = float(own.mean()) if len(own) else None

    def shortfall(values: Floats) -> Floats:
        return values if better == "lower" else np.abs(values - (level or 0.0))

    gains = {
        arm: intervals.percentile_figure(shortfall(arms[BASE]) - shortfall(values))
        for arm, values in arms.items()
        if arm != BASE and BASE in arms and level is not None
    }
    low, high = np.quantile(own, [0.1, 0.9]).tolist() if len(own) else (None, None)
    return MeasureValues(
        {arm: intervals.percentile_figure(values) for arm, values in arms.items()},
        Reference(
            author=level,
            author_band=None if low is None or high is None else (low, high),
            heldout=intervals.percentile_figure(heldout),
            gain_over_base=gains,
        ),
    )


def share_of_heldout(material: Material, values: BlockValues, highest: float | None, better: Better) -> MeasureValues:
    """A value of each block in percent of the author's held-out level; `highest`: the greatest possible value."""
    arms, heldout = material.replicates(values)
    figures = material.guarded({arm: intervals.share_of_level(each, heldout) for arm, each in arms.items()})

    def merit(replicates: Floats) -> Floats:
        return replicates if better == "higher" else -np.abs(replicates - heldout)

    gains = {
        arm: intervals.share_of_level(merit(each) - merit(arms[BASE]), heldout)
        for arm, each in arms.items()
        if arm != BASE and BASE in arms and figures[arm].value is not None
    }
    return MeasureValues(
        figures,
        Reference(
            heldout=100.0,
            heldout_level=intervals.percentile_figure(heldout),
            gain_over_base=gains,
            level={arm: intervals.percentile_figure(each) for arm, each in arms.items()},
            level_range=(0.0, highest),
        ),
    )
