"""Do the measures tell real authors apart? The validation protocol, on a folder of `Author_Title*.txt`.

A whole work is held out; the authors tested are never among those on whom anything is fitted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from voicewright.core.documents.stylometry import ValidationProtocol, ValidationReport
from voicewright.core.errors import UserError, did_you_mean
from voicewright.stylometry import dose_response, trials, verification
from voicewright.stylometry.corpus import read_works
from voicewright.stylometry.features import Floats
from voicewright.stylometry.trials import MEASURES, SIZES, Pool, Split


def validate_corpus(
    folder: Path,
    *,
    splits: int = 20,
    authors: Sequence[str] = (),
    seed: int = 20,
    progress: Callable[[str], None] | None = None,
) -> ValidationReport:
    """Test all measures on a folder of `Author_Title*.txt`, one whole work in each file.

    `splits`: random halves of the authors, one half tested and the other fitted on. `authors`: test these, in one
    split. `progress` is called with a line after each split. The 25 authors of the novels take three minutes.
    Raises UserError where there are too few authors or an author is not there.
    """
    started = time.monotonic()
    pool = trials.build_pool(read_works(folder))
    check_authors(pool, authors)
    report = validate_pool(pool, list(trials.random_splits(pool, splits, authors, seed)), seed, progress)
    report.seconds = round(time.monotonic() - started, 1)
    return report


def check_authors(pool: Pool, named: Sequence[str]) -> None:
    """Raises UserError where there are too few authors to test, or to fit on, or a named one is not there."""
    testable = pool.testable_authors
    problems = [
        f"no author {name!r} with two works of 2,000 words or more{did_you_mean(name, testable)}"
        for name in named
        if name not in testable
    ]
    tested = len(named) if named else len(testable) // 2
    fitted = len(pool.author_names) - tested
    if not problems and (tested < trials.MIN_TESTED or fitted < trials.MIN_FITTED):
        problems.append(
            f"{tested} authors to test and {fitted} to fit on; at least "
            f"{trials.MIN_TESTED} and {trials.MIN_FITTED} are needed"
        )
    if problems:
        raise UserError(problems, hint="files are named Author_Title.txt, one work each; add authors or works")


def validate_pool(
    pool: Pool, splits: Sequence[Split], seed: int, progress: Callable[[str], None] | None = None
) -> ValidationReport:
    """All measures at all lengths over the splits, and the dose-response curve."""
    summaries = {name: {size: verification.Summary() for size in SIZES} for name in MEASURES}
    responses: dict[str, Floats] = {}
    rng = np.random.default_rng(seed)
    for number, split in enumerate([*splits, *dose_response.missing_splits(pool, splits, seed)], 1):
        space, counts = trials.fit_split(pool, split)
        for author in split.tested:
            if author not in responses:
                responses[author] = dose_response.measure_response(pool, split, author, space, counts, rng)
        if number > len(splits):
            break
        calibrating = [name for name in split.imposters if name in pool.testable_authors]
        for size in SIZES:
            tested = trials.score_authors(pool, split, split.tested, space, counts, size)
            others = trials.score_authors(pool, split, split.imposters, space, counts, size)
            for name in MEASURES:
                calibration = verification.calibrate(
                    np.concatenate([others[name].positives(author) for author in calibrating]),
                    np.concatenate([others[name].negatives(author) for author in calibrating]),
                )
                summaries[name][size].add(tested[name], split.tested, calibration)
        if progress:
            progress(f"split {number} of {len(splits)}")
    return ValidationReport(
        measures={
            name: {str(size): summary.figures(seed) for size, summary in sizes.items()}
            for name, sizes in summaries.items()
        },
        dose_response=dose_response.summarise(responses),
        protocol=ValidationProtocol(
            splits=len(splits),
            tested=len(splits[0].tested),
            fitted_on=len(splits[0].imposters),
            reference_words=trials.REFERENCE_WORDS,
            left_out="a whole work",
            seed=seed,
        ),
    )


def table(report: ValidationReport) -> str:
    """The report as lines of text."""
    lines = [
        f"{'measure':<22}" + "".join(f"{f'{size} words':>24}" for size in SIZES),
        f"{'':<22}" + f"{'AUC (95%)':>19}{'SD':>5}" * len(SIZES),
    ]
    for name, sizes in report.measures.items():
        cells = [f"{row.auc:.3f} ({row.auc_low:.3f}-{row.auc_high:.3f}) {row.auc_sd:.2f}" for row in sizes.values()]
        lines.append(f"{name:<22}" + "".join(f"{cell:>25}" for cell in cells))
    for name, sizes in report.measures.items():
        lines += [
            f"{name:<22} {size:>5}: c@1 {row.c_at_1:.3f} F0.5u {row.f05u:.3f} Brier {row.brier:.3f} "
            f"worst {row.worst_author} {row.worst_auc:.3f}"
            for size, row in sizes.items()
        ]
    dose = report.dose_response
    curve = ", ".join(
        f"{percent}%: {value:.3f}" for percent, value in zip(dose.percent_author, dose.similarity, strict=True)
    )
    lines.append(
        f"dose-response at {dose.words} words, similarity: {curve}; monotone on average: {dose.monotone}, "
        f"for {dose.monotone_authors} of {dose.authors_tested} authors"
    )
    return "\n".join(lines)
