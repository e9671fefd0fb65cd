"""How close are these texts to this author? No model and no recipe needed.

python -m benchmarks.score author=DIR texts=DIR[,DIR...] [imposters=DIR] [out=FILE.json]

0 is the mean of other authors, 100 the author's own work that the profile has not seen. With `imposters`, other
authors are those of a folder of `Author_Title*.txt`, which suits texts of another genre or language.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import corpus, imposters, profile, resampling
from benchmarks import text as reading
from benchmarks.features import Counts, Floats
from benchmarks.passages import Blocks
from benchmarks.space import Space
from voicewright import command
from voicewright.errors import UserError, exits_cleanly, notice
from voicewright.records import write_json

SIZES = (500, 250)
RESAMPLES = 2000
SEED = 20


def own_level(works: Sequence[corpus.Work], space: Space, size: int) -> tuple[Floats, str]:
    """Distances of the author's own unseen blocks: each work, or each quarter of a single one, left out in turn."""
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
            found.append(profile.build(rest, space).distances(table, size))
    return np.concatenate(found) if found else np.zeros(0), how


def counted(text: str, space: Space, size: int) -> Counts:
    """Counts of a text's blocks."""
    return space.vocabulary.table(list(reading.blocks(reading.plain(reading.normal(text)), size)))


def placed(distances: Floats, own: Floats, floor: float, seed: int) -> resampling.Figure:
    """Mean distance on the scale 0 (other authors) to 100 (the author), blocks of both resampled."""
    rng = np.random.default_rng(seed)
    replicates = []
    for values in (distances, own):
        blocks = Blocks([], np.arange(len(values), dtype=np.int64))
        replicates.append(resampling.means(values, blocks, resampling.draws(len(values), RESAMPLES, rng)))
    return resampling.calibrated(np.full(RESAMPLES + 1, floor), replicates[0], replicates[1])


def score(author: Path, folders: Sequence[Path], space: Space) -> dict[str, Any]:
    """The document. Raises UserError where the author's texts or those to be scored are too short."""
    works = corpus.read(author)
    whole = profile.build([work.text for work in works], space)
    lengths = {str(folder): [len(reading.words(work.text)) for work in corpus.read(folder)] for folder in folders}
    size = SIZES[0] if all(max(found) >= SIZES[0] for found in lengths.values()) else SIZES[1]
    own, how = own_level(works, space, size)
    others = whole.imposter_distances(size)
    floor = float(np.mean(list(others.values())))
    rows: dict[str, Any] = {}
    for folder in folders:
        texts = corpus.read(folder)
        tables = {work.path.name: counted(work.text, space, size) for work in texts}
        tables = {name: table for name, table in tables.items() if len(table)}
        if not tables:
            raise UserError(f"{folder}: no text of {size} words or more", mend="join short texts into one file")
        distances = {name: whole.distances(table, size) for name, table in tables.items()}
        everything = np.concatenate(list(distances.values()))
        rows[str(folder)] = {
            "score": placed(everything, own, floor, SEED).as_row(),
            "distance": float(everything.mean()), "blocks": len(everything),
            "closer_than_other_authors": float(np.mean([everything.mean() < value for value in others.values()])),
            "files": {name: float(values.mean()) for name, values in distances.items()},
        }
    return {"author": str(author), "block_words": size, "own_distance": float(own.mean()) if len(own) else None,
            "own_level": how, "other_authors": others, "texts": rows}


def sentence(name: str, row: dict[str, Any]) -> str:
    """A folder's result in plain words."""
    figure, share = row["score"], row["closer_than_other_authors"]
    where = f"closer to the author than {share:.0%} of the other authors are"
    if figure["value"] is None:
        return f"{name}: {figure['status']}: {figure['why']}; {where}"
    return (f"{name}: {figure['value']:.0f} ({figure['low']:.0f} to {figure['high']:.0f}) where 0 is other authors and "
            f"100 the author; {where}")


@exits_cleanly
def main() -> None:
    _, given = command.parse(__doc__, {"author": None, "texts": None, "imposters": "", "out": ""}, name=None)
    missing = [f"{name}= is missing" for name in ("author", "texts") if not given[name]]
    if missing:
        raise UserError(missing, mend="make score AUTHOR=folder TEXTS=folder[,folder...]")
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
