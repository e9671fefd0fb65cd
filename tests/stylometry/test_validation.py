"""The harness that judges the measures: it leaks nothing, and it sees what is there."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.prose import Habits, prose
from voicewright.core import text as reading
from voicewright.core.errors import UserError
from voicewright.stylometry import corpus, features, imposters, scoring, trials, validation

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
    return trials.pool(corpus.read(made_up(tmp_path_factory.mktemp("corpus"))))


def validated(found: trials.Pool, splits: int = 2) -> dict[str, Any]:
    return validation.validate(found, list(trials.splits(found, splits, [], 1)), 1, progress=False)


def test_made_up_authors_are_told_apart_and_the_document_says_all_that_was_promised(toy: trials.Pool) -> None:
    document = validated(toy)
    assert set(document["measures"]) >= {"composite", "cosine_delta", "burrows_delta", "char_4grams", "words", "chars"}
    cell = document["measures"]["composite"]["500"]
    assert set(cell) >= {"auc", "auc_low", "auc_high", "worst_auc", "worst_author", "c_at_1", "f05u", "brier"}
    assert cell["auc"] > 0.95 and cell["auc_low"] <= cell["auc"] <= cell["auc_high"]
    dose = document["dose_response"]
    assert dose["monotone"] and dose["percent_author"] == [0, 25, 50, 75, 100] and dose["authors_tested"] == 8
    assert "composite" in validation.table(document)


def test_the_pan_baseline_weighs_exactly_the_4_grams_and_rare_ones_more() -> None:
    grams = features.char_grams("abcdefg")
    assert features.gram_length(grams).tolist() == [3] * 5 + [4] * 4 + [5] * 3
    # Hand: ln(3/3) + 1 where both documents have it, ln(3/2) + 1 where one does, ln(3/1) + 1 where none does.
    assert trials.rarity(np.array([[1, 2, 0], [3, 0, 0]])) == pytest.approx([1, 1.405465, 2.098612])


def test_nothing_is_fitted_on_an_author_who_is_tested(toy: trials.Pool) -> None:
    for split in trials.splits(toy, 5, [], 3):
        assert not set(split.tested) & set(split.imposters)
        space, _ = trials.fitted(toy, split)
        assert set(space.names) == set(split.imposters)
    [named] = trials.splits(toy, 5, ["Author1", "Author2", "Author5"], 3)
    assert named.tested == ["Author1", "Author2", "Author5"] and len(named.imposters) == 5


def test_the_profile_never_holds_the_work_that_is_scored(toy: trials.Pool) -> None:
    for author in trials.testable(toy):
        for work in set(toy.works[toy.authors == author].tolist()):
            assert work not in toy.works[toy.reference(author, work)]


def test_too_few_authors_and_a_misspelt_one_are_errors(toy: trials.Pool) -> None:
    with pytest.raises(UserError, match="did you mean"):
        validation.check(toy, ["Autor1"])
    few = replace(
        toy,
        counts={size: table.rows(range(len(table) // 2)) for size, table in toy.counts.items()},
        authors=toy.authors[: len(toy.authors) // 2],
        works=toy.works[: len(toy.works) // 2],
    )
    with pytest.raises(UserError, match="are needed"):
        validation.check(few, [])


def shuffled_names(found: trials.Pool, seed: int) -> trials.Pool:
    """The same works under names that were drawn by lot."""
    works = list(dict.fromkeys(found.works.tolist()))
    names = [found.authors[found.works == work][0] for work in works]
    drawn = dict(zip(works, np.random.default_rng(seed).permutation(names).tolist(), strict=True))
    return replace(found, authors=np.array([drawn[work] for work in found.works.tolist()]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["corpus=nowhere"], "no such file"),
        ([], "corpus= is missing"),
        (["corpus=x", "split=3"], "did you mean"),
        (["corpus=x", "splits=none"], "whole numbers"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_message_and_exit_code_2(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["validate", *arguments])
    with pytest.raises(SystemExit) as stopped:
        validation.main()
    assert stopped.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.slow
def test_with_names_shuffled_across_the_novels_nothing_is_recognised(shared_data: Path) -> None:
    found = trials.pool(corpus.read(shared_data / "novels"))
    by_lot = [validated(shuffled_names(found, seed), splits=1)["measures"] for seed in range(4)]
    # A profile that held the scored work would give the composite .93, a space fitted on the tested authors .83.
    means = {name: np.mean([measures[name]["500"]["auc"] for measures in by_lot]) for name in by_lot[0]}
    assert all(abs(mean - 0.5) < 0.06 for mean in means.values()), means
    real = validated(found, splits=3)
    composite = real["measures"]["composite"]
    assert composite["500"]["auc"] > 0.90 and composite["1000"]["auc"] > 0.935 and composite["2000"]["auc"] > 0.95
    for name, sizes in real["measures"].items():
        assert name == "composite" or all(sizes[size]["auc"] < composite[size]["auc"] for size in sizes)
    assert real["dose_response"]["monotone"] and real["dose_response"]["monotone_authors"] >= 21


@pytest.mark.slow
def test_an_authors_other_book_scores_near_100_and_a_stranger_near_the_floor(shared_data: Path, tmp_path: Path) -> None:
    works = corpus.read(shared_data / "novels")
    tested = ("Cbronte", "Hardy", "Gaskell", "Thackeray")
    # The tested authors are not among those on whom the figures rest.
    others = imposters.build([work for work in works if work.author not in tested])
    excerpt = {
        work.path.name: " ".join(list(reading.blocks(work.text, 15000))[1:2]) for work in works if work.author in tested
    }
    own, strange = [], []
    for author, other in zip(tested, tested[1:] + tested[:1], strict=True):
        first, *rest = sorted(name for name in excerpt if name.startswith(author))
        chosen = {"author": rest, "own": [first], "other": [name for name in excerpt if name.startswith(other)][:1]}
        for folder, names in chosen.items():
            (tmp_path / author / folder).mkdir(parents=True)
            for name in names:
                (tmp_path / author / folder / name).write_text(excerpt[name], encoding="utf-8")
        folders = [tmp_path / author / "own", tmp_path / author / "other"]
        document = scoring.score(tmp_path / author / "author", folders, others)
        mine, theirs = (document["texts"][str(folder)]["score"]["value"] for folder in folders)
        own.append(mine)
        strange.append(theirs)
        json.dumps(document)
    # One book of an author may lie far from the other two; four authors together do not.
    assert 70 < np.mean(own) < 130 and -20 < np.mean(strange) < 30, (own, strange)
    assert all(a > b for a, b in zip(own, strange, strict=True)), (own, strange)


def test_score_of_one_short_file_says_what_its_100_rests_on(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "only.md").write_text(prose(4000, 1), encoding="utf-8")
    (tmp_path / "t.txt").write_text(prose(600, 2), encoding="utf-8")
    document = scoring.score(tmp_path / "a", [tmp_path / "t.txt"], imposters.shipped())
    assert "single work" in document["own_level"] and document["block_words"] == 500
    assert document["texts"][str(tmp_path / "t.txt")]["closer_than_other_authors"] == 1.0
    (tmp_path / "t.txt").write_text("Too short.", encoding="utf-8")
    with pytest.raises(UserError, match="no text of 250 words"):
        scoring.score(tmp_path / "a", [tmp_path / "t.txt"], imposters.shipped())


def test_an_author_of_another_language_gets_no_score_against_english_ones(tmp_path: Path) -> None:
    french = "On me dit que tu es parti un matin, et je t'attends encore; il a plu, et la mer est revenue. " * 300
    for name, text in (("a", french), ("t", french[:9000])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "only.md").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="another language") as error:
        scoring.score(tmp_path / "a", [tmp_path / "t"], imposters.shipped())
    assert "IMPOSTERS=" in str(error.value)
