"""Figures of other authors, against whom a voice is told apart: `python -m benchmarks.style.imposters CORPUS OUT`.

CORPUS is a folder of `Author_Title*.txt`; OUT a .npz of about 1 MB, which holds figures and no text.
"""

from __future__ import annotations

import sys
import zlib
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicewright.core import text as reading
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import PROFILES_DIR
from voicewright.stylometry import corpus, features, style_space
from voicewright.stylometry.features import Counts

SHIPPED = PROFILES_DIR / "english_novels.npz"
# A stretch of eight 250-word blocks gives one text of 2,000 words.
STRETCHES, PER_STRETCH = 12, 8
FEWEST_AUTHORS = 5


def build(works: list[corpus.Work]) -> style_space.Space:
    """A space fitted on these works. Raises UserError where they are of too few authors to tell voices apart."""
    blocks: list[str] = []
    authors: list[str] = []
    for work in works:
        found = corpus.sample(work.text, style_space.SIZES[0], STRETCHES, PER_STRETCH)
        whole = len(found) - len(found) % PER_STRETCH
        blocks += found[:whole]
        authors += [work.author] * whole
    if len(set(authors)) < FEWEST_AUTHORS:
        raise UserError(
            f"{len(set(authors))} authors with 2,000 words or more; at least {FEWEST_AUTHORS} are needed",
            hint="add texts of other authors, as Author_Title.txt",
        )
    by_author: dict[str, list[str]] = defaultdict(list)
    for author, block in zip(authors, blocks, strict=True):
        by_author[author].append(block)
    vocabulary = features.build_vocabulary([" ".join(found) for found in by_author.values()])
    return fit_sizes(vocabulary.table(blocks), authors, vocabulary, known_words(works))


def known_words(works: list[corpus.Work]) -> NDArray[np.uint32]:
    """Sorted checksums of the words that two authors or more use: what is in none of them may be a writer's own."""
    by_author: dict[str, set[str]] = defaultdict(set)
    for work in works:
        by_author[work.author] |= set(reading.words(reading.plain(work.text)))
    users = Counter(word for found in by_author.values() for word in found)
    shared = [zlib.crc32(word.encode()) for word, count in users.items() if count > 1]
    return np.unique(np.array(shared, dtype=np.uint32))


def fit_sizes(
    counts: Counts, authors: list[str], vocabulary: features.Vocabulary, known: NDArray[np.uint32] | None = None
) -> style_space.Space:
    """A space from 250-word blocks that lie in whole stretches: larger blocks are sums of neighbours."""
    tables, labels = {}, {}
    for size in style_space.SIZES:
        groups = corpus.runs(size // style_space.SIZES[0], len(counts))
        tables[size] = corpus.merged(counts, groups)
        labels[size] = [authors[group[0]] for group in groups]
    return style_space.fit(tables, labels, vocabulary, known=known)


@cache
def shipped(path: Path = SHIPPED) -> style_space.Space:
    """The figures that come with the project: 25 English novelists, 1839 to 1929."""
    return style_space.load(path)


@exits_cleanly
def main() -> None:
    """Write the figures of a folder's authors."""
    if len(sys.argv) != 3:
        raise UserError(
            "expected two arguments: CORPUS OUT", hint="python -m benchmarks.style.imposters CORPUS OUT.npz"
        )
    out = Path(sys.argv[2])
    fitted = build(corpus.read(Path(sys.argv[1])))
    style_space.save(fitted, out)
    print(f"{out}: {len(fitted.names)} authors, {fitted.axes.shape[1]} features, {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
