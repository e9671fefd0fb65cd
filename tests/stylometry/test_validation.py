"""The validation protocol: nothing leaks from the tested authors, and real differences are seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.prose import Habits, prose
from voicewright.core.documents.stylometry import ValidationReport
from voicewright.core.errors import UserError
from voicewright.stylometry import corpus, features, trials, validation

pytestmark = pytest.mark.slow

SUBJECTS = ("he", "she", "it", "we", "they", "i", "you", "one")


def made_up(folder: Path, authors: int = 8, works: int = 2) -> Path:
    """A folder of made-up authors, each with habits of their own."""
    for i in range(authors):
        joiner = ("; ", ", and ", ", but ", " — ")[i % 4]
        habits = Habits(
            subjects=SUBJECTS[i : i + 1],
            joiner=joiner,
            clauses=1 + i % 3,
            end=(".", "!", "...")[i % 3],
            article=("the", "a")[i % 2],
        )
        for j in range(works):
            (folder / f"Author{i}_Work{j}.txt").write_text(prose(4300, 10 * i + j, habits), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> trials.Pool:
    return trials.build_pool(corpus.read_works(made_up(tmp_path_factory.mktemp("corpus"))))


def validated(pool: trials.Pool, splits: int = 2) -> ValidationReport:
    return validation.validate_pool(pool, list(trials.random_splits(pool, splits, [], 1)), 1)


def test_made_up_authors_are_told_apart_by_a_report_with_all_figures(toy: trials.Pool) -> None:
    report = validated(toy)
    assert {"composite", "cosine_delta", "burrows_delta", "char_4grams", "words", "chars"} <= set(report.measures)
    figures = report.measures["composite"]["500"]
    assert set(figures.to_json()) == {"auc", "auc_low", "auc_high", "auc_sd", "worst_auc", "worst_author", "c_at_1",
                                      "f05u", "brier", "authors"}  # fmt: skip
    assert figures.auc > 0.95 and figures.auc_low <= figures.auc <= figures.auc_high
    dose = report.dose_response
    assert dose.monotone and dose.percent_author == [0, 25, 50, 75, 100] and dose.authors_tested == 8
    assert "composite" in validation.table(report)


def test_the_pan_baseline_weighs_exactly_the_4_grams_and_rare_ones_more() -> None:
    grams = features.char_grams("abcdefg")
    assert features.gram_length(grams).tolist() == [3] * 5 + [4] * 4 + [5] * 3
    # Hand: ln(3/3) + 1 where both documents have it, ln(3/2) + 1 where one does, ln(3/1) + 1 where none does.
    assert trials.inverse_document_frequency(np.array([[1, 2, 0], [3, 0, 0]])) == pytest.approx([1, 1.405465, 2.098612])


def test_nothing_is_fitted_on_an_author_who_is_tested(toy: trials.Pool) -> None:
    for split in trials.random_splits(toy, 5, [], 3):
        assert not set(split.tested) & set(split.imposters)
        space, _ = trials.fit_split(toy, split)
        assert set(space.names) == set(split.imposters)
    [named] = trials.random_splits(toy, 5, ["Author1", "Author2", "Author5"], 3)
    assert named.tested == ["Author1", "Author2", "Author5"] and len(named.imposters) == 5


def test_the_profile_never_holds_the_work_that_is_scored(toy: trials.Pool) -> None:
    for author in toy.testable_authors:
        for work in set(toy.works[toy.authors == author].tolist()):
            assert work not in toy.works[toy.reference(author, work)]


def test_too_few_authors_and_a_misspelt_one_are_errors(toy: trials.Pool) -> None:
    with pytest.raises(UserError, match="did you mean"):
        validation.check_authors(toy, ["Autor1"])
    few = replace(
        toy,
        counts={size: table.rows(range(len(table) // 2)) for size, table in toy.counts.items()},
        authors=toy.authors[: len(toy.authors) // 2],
        works=toy.works[: len(toy.works) // 2],
    )
    with pytest.raises(UserError, match="are needed"):
        validation.check_authors(few, [])


def shuffled_names(pool: trials.Pool, seed: int) -> trials.Pool:
    """The same works under names that were drawn by lot."""
    works = list(dict.fromkeys(pool.works.tolist()))
    names = [pool.authors[pool.works == work][0] for work in works]
    drawn = dict(zip(works, np.random.default_rng(seed).permutation(names).tolist(), strict=True))
    return replace(pool, authors=np.array([drawn[work] for work in pool.works.tolist()]))


@pytest.mark.slow
def test_with_names_shuffled_across_the_novels_nothing_is_recognised(shared_data: Path) -> None:
    pool = trials.build_pool(corpus.read_works(shared_data / "novels"))
    by_lot = [validated(shuffled_names(pool, seed), splits=1).measures for seed in range(4)]
    # A profile that held the scored work would give the composite .93, a space fitted on the tested authors .83.
    means = {name: np.mean([measures[name]["500"].auc for measures in by_lot]) for name in by_lot[0]}
    assert all(abs(mean - 0.5) < 0.06 for mean in means.values()), means
    real = validated(pool, splits=3)
    composite = real.measures["composite"]
    assert composite["500"].auc > 0.90 and composite["1000"].auc > 0.935 and composite["2000"].auc > 0.95
    for name, sizes in real.measures.items():
        assert name == "composite" or all(sizes[size].auc < composite[size].auc for size in sizes)
    assert real.dose_response.monotone and real.dose_response.monotone_authors >= 21
