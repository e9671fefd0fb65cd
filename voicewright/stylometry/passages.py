"""Passages: texts cut into blocks of one length, so that nothing is judged by how long it is.

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
# A shorter block tells less, so it is taken only where a longer one would throw away this share of an arm's words.
WASTE = 0.25
# Answers of an author who is brief are short, not mute: from so many words a prompt on, an arm is measured.
LEAST_SAID = 20


@dataclass(frozen=True)
class Passage:
    """A block of a text in the three readings that measures take."""

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


def length(text: str) -> int:
    """The words of a text as `cut` counts them: what blanks part may be a dash, or two words."""
    return len(reading.WORD.findall(_normal(text)))


def _normal(text: str) -> str:
    return reading.HEADING.sub("", reading.normal(text))


def cut(text: str, size: int) -> list[Passage]:
    """Passages of `size` words of a text; what is speech is found in the whole text, before it is cut."""
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


def grouping(words: Mapping[str, Sequence[int]], longest: int = SIZES[0]) -> tuple[int, int]:
    """Block size, and prompts to a cluster, for arms with these words a prompt.

    The longest block, of at most about `longest` words, that wastes little of any arm, with as few prompts to a
    cluster as fill a block. Arms that mostly say nothing do not shrink the others' blocks. No words at all: (0, 1).
    """
    means = {arm: float(np.mean(counts)) for arm, counts in words.items() if len(counts)}
    telling = [arm for arm, mean in means.items() if mean >= min(0.3 * max(means.values()), LEAST_SAID)]
    if not telling or max(means.values()) < 1:
        return 0, 1
    best: tuple[float, int, int] = (2.0, SIZES[-1], 1)
    for size in [size for size in SIZES if size <= longest] or SIZES[-1:]:
        together = max(1, int(np.ceil(size / min(means[arm] for arm in telling) - 0.05)))
        waste = max(_waste(np.asarray(words[arm]), size, together) for arm in telling)
        clusters = len(words[telling[0]]) / together
        # A handful of clusters gives no interval, however long their blocks are.
        if waste <= WASTE and clusters >= 8:
            return size, together
        best = min(best, (waste + (clusters < 8), size, together))
    return best[1], best[2]


def _waste(counts: NDArray[np.int64], size: int, together: int) -> float:
    groups = np.add.reduceat(counts, np.arange(0, len(counts), together))
    return 1.0 - float((groups // size * size).sum()) / max(1.0, float(counts.sum()))


def of_prompts(texts: Mapping[str, Sequence[str]], order: Sequence[str], size: int, together: int) -> Blocks:
    """Blocks of an arm: prompt id -> its samples, in an `order` of prompts that all arms share."""
    passages: list[Passage] = []
    clusters: list[int] = []
    for cluster, start in enumerate(range(0, len(order), together)):
        joined = "\n\n".join(text for prompt in order[start : start + together] for text in texts.get(prompt, ()))
        found = cut(joined, size)
        passages += found
        clusters += [cluster] * len(found)
    return Blocks(passages, np.array(clusters, dtype=np.int64))


def of_texts(texts: Sequence[str], size: int) -> Blocks:
    """Blocks of an author's own texts, each block a cluster."""
    passages = cut("\n\n".join(texts), size)
    return Blocks(passages, np.arange(len(passages), dtype=np.int64))
