"""Style spaces of other authors, from whom an author is told apart: the shipped one, and one from a folder of texts."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicewright.core import text as reading
from voicewright.core.errors import UserError
from voicewright.core.paths import PROFILES_DIR
from voicewright.stylometry import features, style_space
from voicewright.stylometry.corpus import Work, read_works, sample_blocks
from voicewright.stylometry.features import Counts, Vocabulary
from voicewright.stylometry.style_space import Space

SHIPPED_PATH = PROFILES_DIR / "english_novels.npz"
# A stretch of eight 250-word blocks gives one text of 2,000 words.
STRETCHES, PER_STRETCH = 12, 8
MIN_AUTHORS = 5


@cache
def shipped_space(path: Path = SHIPPED_PATH) -> Space:
    """The space that comes with the project: 25 English novelists, 1839 to 1929; or the one of another file."""
    return Space.load(path)


def fit_space(works: Sequence[Work]) -> Space:
    """A space fitted on these works. Raises UserError where they are of too few authors to tell authors apart."""
    blocks: list[str] = []
    authors: list[str] = []
    for work in works:
        sample = sample_blocks(work.text, style_space.SIZES[0], STRETCHES, PER_STRETCH)
        whole = len(sample) - len(sample) % PER_STRETCH
        blocks += sample[:whole]
        authors += [work.author] * whole
    if len(set(authors)) < MIN_AUTHORS:
        raise UserError(
            f"{len(set(authors))} authors with 2,000 words or more; at least {MIN_AUTHORS} are needed",
            hint="add texts of other authors, as Author_Title.txt",
        )
    by_author: dict[str, list[str]] = defaultdict(list)
    for author, block in zip(authors, blocks, strict=True):
        by_author[author].append(block)
    vocabulary = features.build_vocabulary([" ".join(texts) for texts in by_author.values()])
    return fit_sizes(vocabulary.table(blocks), authors, vocabulary, known_words(works))


def known_words(works: Sequence[Work]) -> NDArray[np.uint32]:
    """Sorted checksums of the words that two authors or more use; other words may be a writer's own."""
    by_author: dict[str, set[str]] = defaultdict(set)
    for work in works:
        by_author[work.author] |= set(reading.words(reading.plain(work.text)))
    users = Counter(word for words in by_author.values() for word in words)
    shared = [zlib.crc32(word.encode()) for word, count in users.items() if count > 1]
    return np.unique(np.array(shared, dtype=np.uint32))


def fit_sizes(
    counts: Counts, authors: Sequence[str], vocabulary: Vocabulary, known: NDArray[np.uint32] | None = None
) -> Space:
    """A space from 250-word blocks that lie in whole stretches: larger blocks are sums of neighbours."""
    neighbours = {size: size // style_space.SIZES[0] for size in style_space.SIZES}
    tables = {size: counts.joined(n) for size, n in neighbours.items()}
    labels = {size: authors[::n] for size, n in neighbours.items()}
    return style_space.fit(tables, labels, vocabulary, known=known)


def write_space(corpus: Path, out: Path) -> Space:
    """Fit a space on a folder of `Author_Title*.txt` and write it: about 1 MB of figures and no text."""
    space = fit_space(read_works(corpus))
    space.save(out)
    return space
