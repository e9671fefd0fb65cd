"""An author's style profile: how far a text lies from the way this author writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from voicewright.core import text as reading
from voicewright.core.documents.stylometry import StyleScore
from voicewright.core.errors import UserError
from voicewright.stats import intervals
from voicewright.stylometry import imposters
from voicewright.stylometry.features import VIEWS, Counts, Floats
from voicewright.stylometry.style_space import SIZES, Arrays, Space, read_arrays, write_arrays

MIN_WORDS = 1000
MAX_BLOCKS = 1600
# Distances are 32-bit floats: texts whose distances differ by less are equally close.
TIE = 1e-5
# English prose of any kind has over three quarters of its words among the 2,000 most frequent.
MIN_COMMON_WORDS = 0.45
# Texts are scored in blocks of the larger size where they are long enough.
SCORED_SIZES = (500, 250)
SCORE_RESAMPLES = 2000
SCORE_SEED = 20


@dataclass(frozen=True)
class Calibration:
    """The ends of the scale on which texts are scored, for blocks of one size.

    Texts are compared with these profiles, each of which lacks one of the author's texts, not with the whole profile: a
    profile of more texts lies closer to any text of the author, so that the whole one would flatter the scored texts.
    """

    centres: Floats
    """(profiles, F): the author's vector in each profile."""
    own: Floats
    """(blocks,): distance of each block of a left-out text from the profile that lacks it."""
    left_out: str
    """Which texts were left out, for a reader."""


@dataclass(frozen=True)
class StyleProfile:
    """What is known of an author: counts of the 250-word blocks that they wrote, in a space of other authors.

    >>> profile = StyleProfile.from_texts([first_book, second_book])
    >>> profile.distance(new_text)
    >>> profile.score([new_text]).score
    """

    space: Space
    blocks: Counts
    texts: tuple[str, ...] = field(default=(), repr=False)
    """The author's texts, from which `score` leaves out one at a time; not saved."""
    _centres: dict[tuple[str, int], Floats] = field(default_factory=dict, repr=False)
    _calibrations: dict[int, Calibration] = field(default_factory=dict, repr=False)

    @classmethod
    def from_texts(cls, texts: Sequence[str], space: Space | None = None) -> StyleProfile:
        """The profile of an author, in the space of the shipped English novelists or another one.

        Raises UserError below 1,000 words: too few to measure a style.
        """
        space = space or imposters.shipped_space()
        joined = "\n\n".join(reading.plain(reading.normal(text)) for text in texts)
        blocks = list(reading.blocks(joined, SIZES[0]))
        if len(blocks) * SIZES[0] < MIN_WORDS:
            raise UserError(
                f"the author's texts hold {len(reading.words(joined))} words; a profile needs {MIN_WORDS}",
                hint="add more of the author's writing to data.sources",
            )
        if len(blocks) > MAX_BLOCKS:
            blocks = [blocks[i] for i in np.linspace(0, len(blocks) - 1, MAX_BLOCKS).astype(int)]
        return cls(space, space.vocabulary.table(blocks), tuple(texts))

    def centre(self, size: int, view: str = "all") -> Floats:
        """The author's unit vector (F,) for blocks of `size` words; with a view, of that view alone and unwhitened."""
        size = self.space.size(size)
        if (view, size) not in self._centres:
            per_block = max(1, min(size // SIZES[0], len(self.blocks)))
            centre = self.space.view_vectors(self.blocks.joined(per_block), size, view).mean(axis=0)
            self._centres[view, size] = centre / max(float(np.linalg.norm(centre)), 1e-12)
        return self._centres[view, size]

    def distances(self, counts: Counts, size: int, view: str = "all") -> Floats:
        """Cosine distances (texts,) of blocks of about `size` words: 0 the same direction, 1 unrelated, at most 2."""
        distances: Floats = 1.0 - self.space.view_vectors(counts, size, view) @ self.centre(size, view)
        return distances

    def distance(self, text: str) -> float:
        """The composite distance of a text. Compare it only with texts of about the same length."""
        counts, size = self._counted(text)
        return float(self.distances(counts, size)[0])

    def components(self, text: str) -> dict[str, float]:
        """The distance of a text in each view alone: words, chars, syntax, punctuation, sentences."""
        counts, size = self._counted(text)
        return {view: float(self.distances(counts, size, view)[0]) for view in VIEWS}

    def _counted(self, text: str) -> tuple[Counts, int]:
        counts = self.space.vocabulary.table([reading.plain(reading.normal(text))])
        return counts, int(counts.arrays["words_total"][0, 0])

    def imposter_distances(self, size: int) -> dict[str, float]:
        """The mean distance of blocks of `size` words by each other author of the space, nearest first."""
        return _by_author(self.space, self.space.imposter_distances(self.centre(size), size))

    def closer(self, x: str, y: str) -> Literal["x", "y", "tie"]:
        """Which of two texts lies closer to the author.

        Both are cut to the words of the shorter, since a distance depends on the length.
        """
        plain = [reading.plain(reading.normal(text)) for text in (x, y)]
        lengths = [len(reading.WORD.findall(text)) for text in plain]
        size = min(lengths)
        if size == 0:
            return "tie" if lengths[0] == lengths[1] else ("x" if lengths[0] else "y")
        counts = self.space.vocabulary.table([next(reading.blocks(text, size)) for text in plain])
        first, second = self.distances(counts, size)
        if abs(first - second) < TIE:
            return "tie"
        return "x" if first < second else "y"

    @property
    def is_foreign(self) -> bool:
        """Whether most of the author's words are none that the other authors use: another language or script."""
        counted = self.blocks.arrays["words"].sum() / max(1.0, float(self.blocks.arrays["words_total"].sum()))
        return bool(counted < MIN_COMMON_WORDS)

    def nearest_similarity(self) -> tuple[float, float]:
        """Similarity to the nearest other author, and the least such similarity among the other authors themselves.

        An author far below is of a genre or time that the other authors do not cover.
        """
        space = self.space
        units = space.imposters / np.maximum(np.linalg.norm(space.imposters, axis=1, keepdims=True), 1e-12)
        table = units @ units.T
        np.fill_diagonal(table, -1.0)
        return float((units @ self.centre(500)).max()), float(table.max(axis=1).min())

    def score(self, texts: Sequence[str] | Mapping[str, str], size: int | None = None) -> StyleScore:
        """Where texts lie between other authors (0) and the author's own unseen texts (100), with a 95% interval.

        `texts`: by name, or in a sequence. `size`: words of a block, 500 or 250; None: 500 if a text is so long.
        Blocks of the scored texts and of the author's are resampled. Raises UserError where the texts or the author's
        are too short, or where the author does not write in the language of the other authors.
        """
        named = texts if isinstance(texts, Mapping) else {str(i): text for i, text in enumerate(texts)}
        size = size or scored_size(named.values())
        calibration = self.calibration(size)
        if self.is_foreign:
            raise UserError(
                "the author's words are not those of the other authors of the style space: another language?",
                hint="make score AUTHOR=<folder> TEXTS=<folder> IMPOSTERS=<folder of works in that language>",
            )
        tables = {name: block_counts(text, self.space, size) for name, text in named.items()}
        distances = {
            name: _mean_distances(self.space.vectors(table, size), calibration.centres)
            for name, table in tables.items()
            if len(table)
        }
        if not distances:
            raise UserError(f"no text of {size} words or more", hint="join short texts into one")
        values = np.concatenate(list(distances.values()))
        others = list(self.calibrated_imposter_distances(size).values())
        rng = np.random.default_rng(SCORE_SEED)
        replicates = []
        for sample in (values, calibration.own):
            weights = intervals.resampling_weights(len(sample), SCORE_RESAMPLES, rng, corrected=True)
            replicates.append(intervals.resampled_means(sample, np.arange(len(sample)), weights))
        floor = np.full(SCORE_RESAMPLES + 1, float(np.mean(others)))
        return StyleScore(
            score=intervals.calibrated_score(floor, *replicates),
            distance=float(values.mean()),
            blocks=len(values),
            closer_than_other_authors=float(np.mean([values.mean() < other for other in others])),
            files={name: float(each.mean()) for name, each in distances.items()},
        )

    def calibrated_imposter_distances(self, size: int) -> dict[str, float]:
        """As `imposter_distances`, as a mean over the profiles that each lack one of the author's texts."""
        centres = self.calibration(size).centres
        return _by_author(self.space, np.mean([self.space.imposter_distances(c, size) for c in centres], axis=0))

    def calibration(self, size: int) -> Calibration:
        """Each text of the author left out in turn, or each quarter of a single one.

        Raises UserError where they are too short, or where the profile was loaded and has no such block size.
        """
        if size not in self._calibrations:
            self._calibrations[size] = self._calibrate(size)
        return self._calibrations[size]

    def _calibrate(self, size: int) -> Calibration:
        parts, left_out = list(self.texts), "each work left out in turn"
        if len(parts) == 1:
            quarter = max(1, len(reading.words(parts[0])) // 4)
            parts = list(reading.blocks(parts[0], quarter))
            left_out = "a single work, each quarter left out in turn: this looks closer than another work would"
        centres, own = [], []
        for i, part in enumerate(parts):
            rest = [other for j, other in enumerate(parts) if j != i]
            table = block_counts(part, self.space, size)
            if len(table) and sum(len(reading.words(other)) for other in rest) >= MIN_WORDS:
                profile = StyleProfile.from_texts(rest, self.space)
                centres.append(profile.centre(size))
                own.append(profile.distances(table, size))
        if not centres:
            raise UserError(
                f"the author's texts are too short to leave any of them out in blocks of {size} words",
                hint="add more of the author's writing",
            )
        return Calibration(np.array(centres), np.concatenate(own), left_out)

    def save(self, path: Path) -> None:
        """Write the profile with its space and its calibrations (.npz): figures, from which no sentence can be read."""
        arrays = {f"space_{name}": array for name, array in self.space.to_arrays().items()}
        arrays |= {f"blocks_{name}": array.astype(np.uint16) for name, array in self.blocks.arrays.items()}
        for size in SCORED_SIZES:
            try:
                calibration = self.calibration(size)
            except UserError:
                continue
            arrays |= {
                f"calibration_{size}_centres": calibration.centres.astype(np.float32),
                f"calibration_{size}_own": calibration.own.astype(np.float32),
                f"calibration_{size}_left_out": np.array(calibration.left_out),
            }
        write_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path) -> StyleProfile:
        """Read what `save` wrote. Raises UserError where the file is not a profile."""
        return read_arrays(
            path, cls._from_arrays, "style profile", "StyleProfile.from_texts([...]).save(path) writes one"
        )

    @classmethod
    def _from_arrays(cls, arrays: Arrays) -> StyleProfile:
        space = Space.from_arrays({name[6:]: each for name, each in arrays.items() if name.startswith("space_")})
        blocks = {name[7:]: each.astype(np.float32) for name, each in arrays.items() if name.startswith("blocks_")}
        calibrations = {
            size: Calibration(
                arrays[f"calibration_{size}_centres"],
                arrays[f"calibration_{size}_own"],
                str(arrays[f"calibration_{size}_left_out"]),
            )
            for size in SCORED_SIZES
            if f"calibration_{size}_own" in arrays
        }
        return cls(space, Counts(blocks), _calibrations=calibrations)


def scored_size(texts: Iterable[str]) -> int:
    """Words of the blocks in which texts are scored: the larger size where the longest of them has so many."""
    longest = max((len(reading.words(reading.normal(text))) for text in texts), default=0)
    return SCORED_SIZES[0] if longest >= SCORED_SIZES[0] else SCORED_SIZES[1]


def block_counts(text: str, space: Space, size: int) -> Counts:
    """Counts of the blocks of `size` words of a text."""
    return space.vocabulary.table(list(reading.blocks(reading.plain(reading.normal(text)), size)))


def _mean_distances(vectors: Floats, centres: Floats) -> Floats:
    return np.asarray(np.mean([1.0 - vectors @ centre for centre in centres], axis=0))


def _by_author(space: Space, distances: Floats) -> dict[str, float]:
    return dict(sorted(zip(space.names, distances.tolist(), strict=True), key=lambda pair: pair[1]))
