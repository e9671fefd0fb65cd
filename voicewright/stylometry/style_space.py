"""The style space: where a text and an author become vectors, and how far apart they are.

Square roots of rates (which gives rare and common features equal noise), standardised and clipped, then whitened by the
spread *within* authors: a direction in which one writer's own books differ counts little, one that tells writers apart
counts much (within-class covariance normalisation: Hatch et al., Interspeech 2006). The space is fitted on other
authors only and stored as figures: no sentence can be read from it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from voicewright.core.errors import UserError
from voicewright.stylometry.features import VIEWS, Counts, Floats, Vocabulary

Arrays = dict[str, NDArray[Any]]
T = TypeVar("T")

CLIP = 3.0
# Words and syntax count more than character n-grams, which largely repeat them, and than the two coarse views.
# Round numbers, chosen on the novels in random halves: all 1 gives AUC .925 at 500 words, these .936.
WEIGHTS = {"words": 3.0, "chars": 1.0, "syntax": 2.0, "punctuation": 0.5, "sentences": 0.5}
AXES = 60
SHRINKAGE = 3.0
SIZES = (250, 500, 1000, 2000)
FITTED_SIZE = 500
FORMAT = 1


@dataclass(frozen=True)
class Space:
    """A fitted style space of F features.

    `mean`, `sd`: block size in words -> (F,), of square-rooted rates of blocks of that size. `scale` (F,): gives
    each view its weight. `axes` (k, F), `gains` (k,): directions of within-author spread and how much of each is taken
    out. `imposters` (n, F): means of the unit vectors of other authors' blocks of `FITTED_SIZE` words, by `names`;
    their product with an author's vector is the mean similarity of those blocks. `shrink`: block size -> how much
    shorter those means are for blocks of that size. `general` (words,): rates of the vocabulary's words, all
    imposters weighing the same. `known`: sorted checksums of all words that two of them or more use.
    """

    vocabulary: Vocabulary
    mean: dict[int, Floats]
    sd: dict[int, Floats]
    scale: Floats
    axes: Floats
    gains: Floats
    imposters: Floats
    names: tuple[str, ...]
    shrink: dict[int, float]
    general: Floats
    known: NDArray[np.uint32]

    def knows(self, word: str) -> bool:
        """Whether other authors use this lower-case word (one chance in 100,000 of a false yes)."""
        code = np.uint32(zlib.crc32(word.encode()))
        place = int(np.searchsorted(self.known, code))
        return bool(place < len(self.known) and self.known[place] == code)

    def size(self, words: float) -> int:
        """The block size with statistics that is nearest to a text of so many words."""
        return min(self.mean, key=lambda size: abs(np.log(max(words, 1.0) / size)))

    def raw(self, counts: Counts, size: int) -> Floats:
        """Standardised vectors (texts, F) of blocks of about `size` words, before whitening."""
        size = self.size(size)
        z = (roots(counts) - self.mean[size]) / self.sd[size]
        return np.asarray(np.clip(z, -CLIP, CLIP) * self.scale)

    def white(self, vectors: Floats) -> Floats:
        """Take most of the within-author spread out of vectors (texts, F), and make them of length 1."""
        return unit(vectors - (vectors @ self.axes.T * self.gains) @ self.axes)

    def vectors(self, counts: Counts, size: int) -> Floats:
        """Unit vectors (texts, F) of blocks of about `size` words."""
        return self.white(self.raw(counts, size))

    def view_vectors(self, counts: Counts, size: int, view: str) -> Floats:
        """Unit vectors of one view alone, not whitened; "all": `vectors`."""
        raw = self.raw(counts, size)
        return self.white(raw) if view == "all" else unit(raw[:, self.view_columns(view)])

    def view_columns(self, view: str) -> slice:
        """The columns of a view."""
        start = sum(self.vocabulary.width(name) for name in VIEWS[: VIEWS.index(view)])
        return slice(start, start + self.vocabulary.width(view))

    def imposter_distances(self, centre: Floats, size: int) -> Floats:
        """Mean distances (n,) of blocks of `size` words by each other author from an author's vector."""
        return np.asarray(1.0 - self.shrink[self.size(size)] * (self.imposters @ centre), dtype=np.float64)

    def to_arrays(self) -> Arrays:
        """The space in 8-bit whole numbers with a step for each row, about 100 bytes a feature."""
        axes, axes_step = _in_8_bits(self.axes)
        imposters, imposters_step = _in_8_bits(self.imposters)
        sizes = sorted(self.mean)
        return {
            "format": np.array(FORMAT),
            "words": np.array(self.vocabulary.words),
            "chars": self.vocabulary.chars.astype(np.uint32),
            "function": np.array(self.vocabulary.function),
            "syntax": self.vocabulary.syntax.astype(np.uint32),
            "sizes": np.array(sizes),
            "mean": np.array([self.mean[size] for size in sizes], dtype=np.float16),
            "sd": np.array([self.sd[size] for size in sizes], dtype=np.float16),
            "gains": self.gains.astype(np.float32),
            "axes": axes,
            "axes_step": axes_step.astype(np.float32),
            "imposters": imposters,
            "imposters_step": imposters_step.astype(np.float32),
            "names": np.array(self.names),
            "shrink": np.array([self.shrink[size] for size in sizes]),
            "general": self.general.astype(np.float32),
            "known": self.known,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Space:
        """What `to_arrays` gave. Raises KeyError or ValueError for arrays of another kind or version."""
        if int(arrays["format"]) != FORMAT:
            raise ValueError(f"format {arrays['format']}")
        vocabulary = Vocabulary(
            tuple(arrays["words"].tolist()),
            arrays["chars"].astype(np.int64),
            tuple(arrays["function"].tolist()),
            arrays["syntax"].astype(np.int64),
        )
        sizes = arrays["sizes"].tolist()
        return cls(
            vocabulary,
            {size: row.astype(np.float32) for size, row in zip(sizes, arrays["mean"], strict=True)},
            # A float16 cannot hold the smallest spreads: the floor keeps the division finite.
            {size: np.maximum(row.astype(np.float32), 1e-4) for size, row in zip(sizes, arrays["sd"], strict=True)},
            view_scale(vocabulary),
            arrays["axes"] * arrays["axes_step"][:, None].astype(np.float32),
            arrays["gains"].astype(np.float32),
            arrays["imposters"] * arrays["imposters_step"][:, None].astype(np.float32),
            tuple(arrays["names"].tolist()),
            dict(zip(sizes, arrays["shrink"].tolist(), strict=True)),
            arrays["general"].astype(float),
            arrays["known"],
        )

    def save(self, path: Path) -> None:
        """Write the space (.npz)."""
        write_arrays(path, self.to_arrays())

    @classmethod
    def load(cls, path: Path) -> Space:
        """Read a space. Raises UserError where the file is not one."""
        hint = f"make imposters CORPUS=folder_of_texts OUT={path}"
        return read_arrays(path, cls.from_arrays, "style space", hint)


def roots(counts: Counts) -> Floats:
    """Square roots of the rates of all views, side by side (texts, F)."""
    return np.asarray(np.sqrt(np.hstack([counts.rates(view) for view in VIEWS])))


def fit(
    blocks: Mapping[int, Counts],
    authors: Mapping[int, Sequence[str]],
    vocabulary: Vocabulary,
    axes: int = AXES,
    fitted: int = FITTED_SIZE,
    known: NDArray[np.uint32] | None = None,
) -> Space:
    """Fit a space on the blocks of other authors.

    `blocks`, `authors`: block size in words -> counts of blocks of that size, and the author of each block.
    The within-author spread is taken from blocks of `fitted` words.
    """
    names = tuple(sorted(set(authors[fitted])))
    mean, sd, rows = {}, {}, {}
    scale = view_scale(vocabulary)
    for words, counts in blocks.items():
        values = roots(counts)
        mean[words] = values.mean(axis=0)
        spread = values.std(axis=0)
        # A mark that other authors hardly ever use would otherwise weigh without bound.
        sd[words] = np.maximum(spread, max(1e-4, 0.05 * float(np.median(spread))))
        rows[words] = np.clip((values - mean[words]) / sd[words], -CLIP, CLIP) * scale
    z = rows[fitted]
    residuals = z - averages(z, authors[fitted], names)[np.searchsorted(names, np.asarray(authors[fitted]))]
    rank = max(1, min(axes, len(z) - len(names) - 1, z.shape[1] - 1))
    _, singular, directions = randomized_svd(residuals.astype(np.float32), rank, random_state=0, n_iter=4)
    along = singular.astype(float) ** 2 / len(z)
    floor = SHRINKAGE * float((residuals**2).sum()) / residuals.size
    gains = 1.0 - np.sqrt(floor / (along + floor))
    space = Space(
        vocabulary,
        mean,
        sd,
        scale,
        directions,
        gains.astype(np.float32),
        np.zeros((0, z.shape[1])),
        (),
        {},
        averages(blocks[fitted].rates("words"), authors[fitted], names).mean(axis=0),
        np.zeros(0, dtype=np.uint32) if known is None else known,
    )
    means = {words: averages(space.white(row), authors[words], names) for words, row in rows.items()}
    lengths = {words: float(np.linalg.norm(each, axis=1).mean()) for words, each in means.items()}
    return replace(
        space,
        imposters=means[fitted],
        names=names,
        shrink={words: length / lengths[fitted] for words, length in lengths.items()},
    )


def view_scale(vocabulary: Vocabulary) -> Floats:
    """Factors (F,) that give each view its weight, however many columns it has."""
    widths = {view: vocabulary.width(view) for view in VIEWS}
    return np.concatenate(
        [np.full(width, WEIGHTS[view] * max(1, width) ** -0.5, dtype=np.float32) for view, width in widths.items()]
    )


def averages(rows: Floats, labels: Sequence[str], names: Sequence[str]) -> Floats:
    """The mean row of each name (names, F)."""
    names_of_rows = np.asarray(labels)
    return np.array([rows[names_of_rows == name].mean(axis=0) for name in names])


def unit(rows: Floats) -> Floats:
    """Rows at length 1; an empty one stays."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write a whole .npz file, or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part.npz")
    np.savez_compressed(part, **arrays)  # type: ignore[arg-type]
    part.replace(path)


def read_arrays(path: Path, parse: Callable[[Arrays], T], content: str, hint: str) -> T:
    """What a .npz file holds. Raises UserError where it cannot be read or `parse` raises KeyError or ValueError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return parse({name: file[name] for name in file.files})
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: no {content} that this version can read ({error})", hint=hint) from None


def _in_8_bits(rows: Floats) -> tuple[NDArray[np.int8], Floats]:
    step = np.maximum(np.abs(rows).max(axis=1), 1e-12) / 127.0
    return np.round(rows / step[:, None]).astype(np.int8), step
