"""How close are the texts of a folder to the author of another? No model and no recipe needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voicewright.cli import arguments
from voicewright.core.documents.base import write_document
from voicewright.core.documents.stylometry import ScoreReport, StyleScore
from voicewright.core.errors import UserError, exits_cleanly, notice
from voicewright.stylometry import imposters
from voicewright.stylometry.corpus import read_works
from voicewright.stylometry.profile import SCORED_SIZES, StyleProfile, scored_size
from voicewright.stylometry.style_space import Space


def score_folders(author: Path, folders: Sequence[Path], space: Space | None = None) -> ScoreReport:
    """Score the texts of each folder on the scale 0 (other authors) to 100 (the author's own unseen works).

    `space`: the other authors; None takes the shipped ones. Raises UserError where the author's texts or those to be
    scored are too short, or the author writes in another language than the other authors.
    """
    profile = StyleProfile.from_texts([work.text for work in read_works(author)], space)
    texts = {folder: {work.path.name: work.text for work in read_works(folder)} for folder in folders}
    # One size for all folders, so that their distances can be compared.
    size = min((scored_size(named.values()) for named in texts.values()), default=SCORED_SIZES[0])
    scores = {}
    for folder, named in texts.items():
        try:
            scores[str(folder)] = profile.score(named, size)
        except UserError as error:
            raise UserError([f"{folder}: {problem}" for problem in error.problems], error.hint) from None
    calibration = profile.calibration(size)
    return ScoreReport(
        author=str(author),
        block_words=size,
        own_distance=float(calibration.own.mean()),
        own_level=calibration.left_out,
        other_authors=profile.calibrated_imposter_distances(size),
        texts=scores,
    )


def sentence(name: str, row: StyleScore) -> str:
    """A folder's score in words."""
    figure = row.score
    closer = f"closer to the author than {row.closer_than_other_authors:.0%} of the other authors are"
    if figure.value is None:
        return f"{name}: {figure.status}: {figure.why}; {closer}"
    return (
        f"{name}: {figure.value:.0f} ({figure.low:.0f} to {figure.high:.0f}) where 0 is other authors and "
        f"100 the author; {closer}"
    )


@exits_cleanly
def main() -> None:
    """How close are these texts to this author? No model and no recipe needed.

    python -m benchmarks.score author=DIR texts=DIR[,DIR...] [imposters=DIR] [out=FILE.json]

    0 is the mean of other authors, 100 the author's own work that the profile has not seen. With `imposters`, other
    authors are those of a folder of `Author_Title*.txt`, which suits texts of another genre or language.
    """
    _, values = arguments.parse(main.__doc__, {"author": None, "texts": None, "imposters": "", "out": ""}, name=None)
    missing = [f"{name}= is missing" for name in ("author", "texts") if not values[name]]
    if missing:
        raise UserError(missing, hint="make score AUTHOR=folder TEXTS=folder[,folder...]")
    space = imposters.fit_space(read_works(Path(values["imposters"]))) if values["imposters"] else None
    report = score_folders(Path(str(values["author"])), [Path(p) for p in str(values["texts"]).split(",")], space)
    if "single" in report.own_level:
        notice(f"100 rests on {report.own_level}")
    for name, row in report.texts.items():
        print(sentence(name, row))
    if values["out"]:
        write_document(Path(values["out"]), report)


if __name__ == "__main__":
    main()
