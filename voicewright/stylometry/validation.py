"""Do the measures tell real authors apart? A folder of `Author_Title*.txt` -> a table, and JSON with OUT.

python -m benchmarks.validate corpus=DIR [splits=20] [authors=a,b] [out=FILE.json] [seed=20]

A whole work is held out; the authors tested are never among those on whom anything is fitted.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from voicewright.cli import arguments
from voicewright.core.errors import UserError, did_you_mean, exits_cleanly, notice
from voicewright.core.records import write_json
from voicewright.stylometry import corpus, dose_response, trials, verification_metrics
from voicewright.stylometry.split_summary import Tally
from voicewright.stylometry.trials import MEASURES, SIZES, Pool, Split


def check(found: Pool, named: list[str]) -> None:
    """Raises UserError where there are too few authors to test, or to fit on."""
    able, everyone = trials.testable(found), sorted(set(found.authors.tolist()))
    problems = [
        f"no author {name!r} with two works of 2,000 words or more{did_you_mean(name, able)}"
        for name in named
        if name not in able
    ]
    tested = len(named) if named else len(able) // 2
    if not problems and (tested < trials.FEWEST_TESTED or len(everyone) - tested < trials.FEWEST_FITTED):
        problems.append(
            f"{tested} authors to test and {len(everyone) - tested} to fit on; at least "
            f"{trials.FEWEST_TESTED} and {trials.FEWEST_FITTED} are needed"
        )
    if problems:
        raise UserError(problems, hint="files are named Author_Title.txt, one work each; add authors or works")


def validate(found: Pool, splits: list[Split], seed: int, progress: bool = True) -> dict[str, Any]:
    """All measures at all lengths over the splits, and the dose-response curve."""
    tallies = {name: {size: Tally() for size in SIZES} for name in MEASURES}
    responses: dict[str, Any] = {}
    rng = np.random.default_rng(seed)
    for number, split in enumerate([*splits, *dose_response.missing_splits(found, splits, seed)], 1):
        space, counts = trials.fitted(found, split)
        for author in split.tested:
            if author not in responses:
                responses[author] = dose_response.response(found, split, author, space, counts, rng)
        if number > len(splits):
            break
        for size in SIZES:
            tested = trials.score(found, split, split.tested, space, counts, size)
            others = trials.score(found, split, split.imposters, space, counts, size)
            able = [name for name in split.imposters if name in trials.testable(found)]
            for name in MEASURES:
                fitted = verification_metrics.calibrate(
                    np.concatenate([others[name].positives(a) for a in able]),
                    np.concatenate([others[name].negatives(a) for a in able]),
                )
                tallies[name][size].add(tested[name], split.tested, fitted)
        if progress:
            notice(f"split {number} of {len(splits)}")
    return {
        "measures": {
            name: {str(size): tally.row(seed) for size, tally in sizes.items()} for name, sizes in tallies.items()
        },
        "dose_response": dose_response.row(responses),
        "protocol": {
            "splits": len(splits),
            "tested": len(splits[0].tested),
            "fitted_on": len(splits[0].imposters),
            "reference_words": trials.REFERENCE_WORDS,
            "left_out": "a whole work",
            "seed": seed,
        },
    }


def table(document: dict[str, Any]) -> str:
    """The document for a reader."""
    lines = [
        f"{'measure':<22}" + "".join(f"{f'{size} words':>24}" for size in SIZES),
        f"{'':<22}" + f"{'AUC (95%)':>19}{'SD':>5}" * len(SIZES),
    ]
    for name, sizes in document["measures"].items():
        cells = [
            f"{row['auc']:.3f} ({row['auc_low']:.3f}-{row['auc_high']:.3f}) {row['auc_sd']:.2f}"
            for row in sizes.values()
        ]
        lines.append(f"{name:<22}" + "".join(f"{cell:>25}" for cell in cells))
    for name, sizes in document["measures"].items():
        cells = [
            f"c@1 {row['c_at_1']:.3f} F0.5u {row['f05u']:.3f} Brier {row['brier']:.3f} "
            f"worst {row['worst_author']} {row['worst_auc']:.3f}"
            for row in sizes.values()
        ]
        lines += [f"{name:<22} {size:>5}: {cell}" for size, cell in zip(SIZES, cells, strict=True)]
    dose = document["dose_response"]
    curve = ", ".join(
        f"{percent}%: {value:.3f}" for percent, value in zip(dose["percent_author"], dose["similarity"], strict=True)
    )
    lines.append(
        f"dose-response at {dose['words']} words, similarity: {curve}; "
        f"monotone on average: {dose['monotone']}, "
        f"for {dose['monotone_authors']} of {dose['authors_tested']} authors"
    )
    return "\n".join(lines)


@exits_cleanly
def main() -> None:
    started = time.monotonic()
    options = {"corpus": None, "splits": "20", "authors": "", "out": "", "seed": "20"}
    _, given = arguments.parse(__doc__, options, name=None)
    if not given["corpus"]:
        raise UserError("corpus= is missing: a folder of Author_Title.txt", hint="make validate CORPUS=folder")
    if not str(given["splits"]).isdigit() or int(str(given["splits"])) < 1 or not str(given["seed"]).isdigit():
        raise UserError("splits= and seed= are whole numbers, splits at least 1")
    seed = int(str(given["seed"]))
    found = trials.pool(corpus.read(Path(given["corpus"])))
    named = [name for name in str(given["authors"] or "").split(",") if name]
    check(found, named)
    document = validate(found, list(trials.splits(found, int(str(given["splits"])), named, seed)), seed)
    document["seconds"] = round(time.monotonic() - started, 1)
    print(table(document))
    if given["out"]:
        write_json(Path(given["out"]), document)


if __name__ == "__main__":
    main()
