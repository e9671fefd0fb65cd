"""How close are these texts to this author? No model and no recipe needed.

python -m benchmarks.score author=DIR texts=DIR[,DIR...] [imposters=DIR] [out=FILE.json]

0 is the mean of other authors, 100 the author's own work that the profile has not seen. With `imposters`, other
authors are those of a folder of `Author_Title*.txt`, which suits texts of another genre or language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voicewright.cli import arguments
from voicewright.core import text as reading
from voicewright.core.documents.intervals import Figure
from voicewright.core.errors import UserError, exits_cleanly, notice
from voicewright.core.records import write_json
from voicewright.stats import intervals
from voicewright.stylometry import corpus, imposters, profile
from voicewright.stylometry.features import Counts, Floats
from voicewright.stylometry.profile import Profile
from voicewright.stylometry.style_space import Space

SIZES = (500, 250)
RESAMPLES = 2000
SEED = 20


@dataclass(frozen=True)
class Fold:
    """The author's profile with one work left out, and how far the blocks of that work lie from it."""

    profile: Profile
    own: Floats


def folds(works: Sequence[corpus.Work], space: Space, size: int) -> tuple[list[Fold], str]:
    """Each work, or each quarter of a single one, left out in turn; and which of the two, in words.

    Everything is measured against these profiles, the scored texts too: a profile of more works lies closer to any
    text of the author, so that one of all works would flatter the scored texts.
    """
    parts = [work.text for work in works]
    how = "each work left out in turn"
    if len(parts) == 1:
        quarter = max(1, len(reading.words(parts[0])) // 4)
        parts = list(reading.blocks(parts[0], quarter))
        how = "a single work, each quarter left out in turn: this looks closer than another work would"
    found = []
    for i, part in enumerate(parts):
        rest = [other for j, other in enumerate(parts) if j != i]
        table = counted(part, space, size)
        if len(table) and sum(len(reading.words(other)) for other in rest) >= profile.FEWEST_WORDS:
            built = profile.build(rest, space)
            found.append(Fold(built, built.distances(table, size)))
    if not found:
        raise UserError(
            f"the author's texts are too short to leave any of them out in blocks of {size} words",
            hint="add more of the author's writing",
        )
    return found, how


def counted(text: str, space: Space, size: int) -> Counts:
    """Counts of a text's blocks."""
    return space.vocabulary.table(list(reading.blocks(reading.plain(reading.normal(text)), size)))


def placed(distances: Floats, own: Floats, floor: float, seed: int) -> Figure:
    """Mean distance on the scale 0 (other authors) to 100 (the author), blocks of both resampled."""
    rng = np.random.default_rng(seed)
    replicates = []
    for values in (distances, own):
        weights = intervals.resampling_weights(len(values), RESAMPLES, rng, corrected=True)
        replicates.append(intervals.resampled_means(values, np.arange(len(values)), weights))
    return intervals.calibrated_score(np.full(RESAMPLES + 1, floor), replicates[0], replicates[1])


def score(author: Path, folders: Sequence[Path], space: Space) -> dict[str, Any]:
    """The document. Raises UserError where the author's texts or those to be scored are too short."""
    works = corpus.read(author)
    texts = {folder: corpus.read(folder) for folder in folders}
    longest = [max(len(reading.words(work.text)) for work in found) for found in texts.values()]
    size = SIZES[0] if min(longest) >= SIZES[0] else SIZES[1]
    found, how = folds(works, space, size)
    if profile.foreign(found[0].profile):
        raise UserError(
            f"{author}: the words are not those of the other authors whose figures are used: another language?",
            hint="make score ... IMPOSTERS=folder of Author_Title.txt in the author's language",
        )
    others = {
        name: float(np.mean([fold.profile.imposter_distances(size)[name] for fold in found]))
        for name in found[0].profile.imposter_distances(size)
    }
    own = np.concatenate([fold.own for fold in found])
    rows: dict[str, Any] = {}
    for folder, scored in texts.items():
        tables = {work.path.name: counted(work.text, space, size) for work in scored}
        distances = {
            name: np.mean([fold.profile.distances(table, size) for fold in found], axis=0)
            for name, table in tables.items()
            if len(table)
        }
        if not distances:
            raise UserError(f"{folder}: no text of {size} words or more", hint="join short texts into one file")
        everything = np.concatenate(list(distances.values()))
        rows[str(folder)] = {
            "score": placed(everything, own, float(np.mean(list(others.values()))), SEED).to_json(),
            "distance": float(everything.mean()),
            "blocks": len(everything),
            "closer_than_other_authors": float(np.mean([everything.mean() < value for value in others.values()])),
            "files": {name: float(values.mean()) for name, values in distances.items()},
        }
    return {
        "author": str(author),
        "block_words": size,
        "own_distance": float(own.mean()),
        "own_level": how,
        "other_authors": others,
        "texts": rows,
    }


def sentence(name: str, row: dict[str, Any]) -> str:
    """A folder's result in plain words."""
    figure, share = row["score"], row["closer_than_other_authors"]
    where = f"closer to the author than {share:.0%} of the other authors are"
    if figure["value"] is None:
        return f"{name}: {figure['status']}: {figure['why']}; {where}"
    return (
        f"{name}: {figure['value']:.0f} ({figure['low']:.0f} to {figure['high']:.0f}) where 0 is other authors and "
        f"100 the author; {where}"
    )


@exits_cleanly
def main() -> None:
    _, given = arguments.parse(__doc__, {"author": None, "texts": None, "imposters": "", "out": ""}, name=None)
    missing = [f"{name}= is missing" for name in ("author", "texts") if not given[name]]
    if missing:
        raise UserError(missing, hint="make score AUTHOR=folder TEXTS=folder[,folder...]")
    folder = given["imposters"]
    space = imposters.build(corpus.read(Path(folder))) if folder else imposters.shipped()
    document = score(Path(str(given["author"])), [Path(p) for p in str(given["texts"]).split(",")], space)
    if "single" in document["own_level"]:
        notice(f"100 rests on {document['own_level']}")
    for name, row in document["texts"].items():
        print(sentence(name, row))
    if given["out"]:
        write_json(Path(given["out"]), document)


if __name__ == "__main__":
    main()
