"""Passages: texts cut into blocks of one length, so that no measure depends on the length of a text.

Generations are short. Those of one prompt, or of a few prompts, are joined and cut; prompts that share a block
are one cluster, and clusters are what is resampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicewright.core import text as reading

SIZES = (500, 450, 400, 350, 300, 250, 200, 150, 100)
# A shorter block carries less information: it is taken only where a longer one wastes this share of an arm's words.
MAX_WASTE = 0.25
# An interval needs so many clusters, however long their blocks are.
MIN_CLUSTERS = 8
# An arm with so many words for each prompt is measured, however brief beside the others.
MIN_WORDS_PER_PROMPT = 20


@dataclass(frozen=True)
class Passage:
    """A block of a text, in the three forms that measures read."""

    normal: str
    """With emphasis marks."""
    plain: str
    """Without them: what words and punctuation are counted in."""
    narration: str
    """Plain, without quoted speech."""


@dataclass(frozen=True)
class Blocks:
    """Passages of one arm, each with the cluster that it is resampled with."""

    passages: list[Passage]
    clusters: NDArray[np.int64]


def word_count(text: str) -> int:
    """The words of a text as `cut` counts them: a lone dash is none."""
    return len(reading.WORD.findall(_normal(text)))


def _normal(text: str) -> str:
    return reading.HEADING.sub("", reading.normal(text))


def cut(text: str, size: int) -> list[Passage]:
    """Passages of `size` words of a text. Quoted speech is found in the whole text, before it is cut."""
    normal = _normal(text)
    speech = reading.speech_spans(normal)
    return [
        Passage(
            normal[start:end],
            reading.plain(normal[start:end]),
            reading.plain(reading.outside(normal, speech, start, end)),
        )
        for start, end in reading.spans_of(normal, size)
    ]


def choose_block_size(words: Mapping[str, Sequence[int]], longest: int = SIZES[0]) -> tuple[int, int]:
    """Words of a block, and prompts in a cluster, for arms with these numbers of words for each prompt.

    The longest block, of at most about `longest` words, that wastes little of any arm, with as few prompts in a cluster
    as fill a block. Arms that say next to nothing do not shrink the blocks of the others. No words at all: (0, 1).
    """
    means = {arm: float(np.mean(counts)) for arm, counts in words.items() if len(counts)}
    measured = [arm for arm, mean in means.items() if mean >= min(0.3 * max(means.values()), MIN_WORDS_PER_PROMPT)]
    if not measured or max(means.values()) < 1:
        return 0, 1
    least_wasteful: tuple[float, int, int] = (2.0, SIZES[-1], 1)
    for size in [size for size in SIZES if size <= longest] or SIZES[-1:]:
        per_cluster = max(1, int(np.ceil(size / min(means[arm] for arm in measured) - 0.05)))
        waste = max(_waste(np.asarray(words[arm]), size, per_cluster) for arm in measured)
        few_clusters = len(words[measured[0]]) / per_cluster < MIN_CLUSTERS
        if waste <= MAX_WASTE and not few_clusters:
            return size, per_cluster
        least_wasteful = min(least_wasteful, (waste + few_clusters, size, per_cluster))
    return least_wasteful[1], least_wasteful[2]


def _waste(counts: NDArray[np.int64], size: int, per_cluster: int) -> float:
    groups = np.add.reduceat(counts, np.arange(0, len(counts), per_cluster))
    return 1.0 - float((groups // size * size).sum()) / max(1.0, float(counts.sum()))


def prompt_blocks(texts: Mapping[str, Sequence[str]], order: Sequence[str], size: int, per_cluster: int) -> Blocks:
    """Blocks of an arm: prompt id -> its samples, in an `order` of prompts that all arms share."""
    passages: list[Passage] = []
    clusters: list[int] = []
    for cluster, start in enumerate(range(0, len(order), per_cluster)):
        joined = "\n\n".join(text for prompt in order[start : start + per_cluster] for text in texts.get(prompt, ()))
        of_cluster = cut(joined, size)
        passages += of_cluster
        clusters += [cluster] * len(of_cluster)
    return Blocks(passages, np.array(clusters, dtype=np.int64))


def text_blocks(texts: Sequence[str], size: int) -> Blocks:
    """Blocks of an author's own texts, each block a cluster."""
    passages = cut("\n\n".join(texts), size)
    return Blocks(passages, np.arange(len(passages), dtype=np.int64))
