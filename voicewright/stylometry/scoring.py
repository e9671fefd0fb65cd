"""How close are the texts of a folder to the author of another? No model and no recipe needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voicewright.core.documents.stylometry import ScoreReport, StyleScore
from voicewright.core.errors import UserError
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
