"""Style profiles: who is closer to an author, scores with intervals, and files of figures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.prose import Habits, chapters, prose
from voicewright.core import text as reading
from voicewright.core.errors import UserError
from voicewright.stylometry import corpus, imposters, scoring
from voicewright.stylometry.profile import StyleProfile
from voicewright.stylometry.style_space import Space

pytestmark = pytest.mark.slow


def own_text() -> str:
    """250 words of chapters that no profile here holds."""
    return next(reading.blocks(reading.normal(chapters()[9]), 250))


@pytest.fixture(scope="module")
def profile() -> StyleProfile:
    return StyleProfile.from_texts(chapters()[:4])


def test_the_judge_sees_which_of_two_texts_is_the_authors_and_ties_on_equal_ones() -> None:
    author = StyleProfile.from_texts(chapters()[:8])
    own, other = own_text(), prose(250, 1)
    assert author.closer(own, other) == "x" and author.closer(other, own) == "y"
    assert author.closer(own, own) == "tie" and author.closer("", "") == "tie"
    assert author.distance(own) < author.distance(other)
    assert set(author.components(own)) == {"words", "chars", "syntax", "punctuation", "sentences"}


def test_the_shipped_figures_are_of_20_authors_or_more_and_under_a_megabyte() -> None:
    assert len(imposters.shipped_space().names) >= 20
    assert imposters.SHIPPED_PATH.stat().st_size < 1_000_000


def test_a_broken_file_of_figures_is_an_error_with_the_command_that_makes_a_new_one(tmp_path: Path) -> None:
    broken = tmp_path / "broken.npz"
    shutil.copyfile(Path(__file__), broken)
    with pytest.raises(UserError, match=r"make imposters CORPUS=folder_of_texts OUT="):
        imposters.shipped_space(broken)


def test_figures_of_other_authors_are_made_from_any_folder(tmp_path: Path) -> None:
    for i, subject in enumerate(["he", "she", "it", "we", "they"]):
        habits = Habits(subjects=(subject,), joiner="; " if i % 2 else ", and ", clauses=i + 1)
        (tmp_path / f"Author{i}_Book_1.txt").write_text(prose(4500, i, habits), encoding="utf-8")
    fitted = imposters.write_space(tmp_path, tmp_path / "own.npz")
    read = Space.load(tmp_path / "own.npz")
    assert read.names == tuple(f"Author{i}" for i in range(5))
    text = [prose(2200, 99, Habits(subjects=("it",), clauses=3))]
    before, after = (StyleProfile.from_texts(text, space).distance(text[0]) for space in (fitted, read))
    assert after == pytest.approx(before, abs=0.02)
    (tmp_path / "Author4_Book_1.txt").unlink()
    with pytest.raises(UserError, match="at least 5"):
        imposters.fit_space(corpus.read_works(tmp_path))


def test_a_saved_profile_gives_the_same_distances_and_scores_and_holds_no_text(
    profile: StyleProfile, tmp_path: Path
) -> None:
    profile.save(tmp_path / "author.npz")
    read = StyleProfile.load(tmp_path / "author.npz")
    text = chapters()[9]
    assert read.distance(text) == pytest.approx(profile.distance(text), abs=1e-5)
    before, after = (each.score([text]) for each in (profile, read))
    assert before.blocks == after.blocks and read.texts == ()
    assert after.score.value == pytest.approx(before.score.value, abs=0.1)
    assert after.score.low == pytest.approx(before.score.low, abs=0.1)
    with pytest.raises(UserError, match="no style profile that this version can read"):
        StyleProfile.load(imposters.SHIPPED_PATH)


def test_the_authors_own_unseen_chapters_score_higher_than_made_up_prose(profile: StyleProfile) -> None:
    own, other = profile.score(chapters()[9:11]).score, profile.score([prose(1200, 1)]).score
    assert own.low is not None and own.high is not None and other.high is not None
    assert own.low > other.high and own.low < 100 < own.high + 40


@pytest.mark.slow
def test_an_authors_other_book_scores_near_100_and_a_stranger_near_the_floor(shared_data: Path, tmp_path: Path) -> None:
    works = corpus.read_works(shared_data / "novels")
    tested = ("Cbronte", "Hardy", "Gaskell", "Thackeray")
    # The tested authors are not among those on whom the figures rest.
    others = imposters.fit_space([work for work in works if work.author not in tested])
    excerpt = {
        work.path.name: " ".join(list(reading.blocks(work.text, 15000))[1:2]) for work in works if work.author in tested
    }
    own: list[float] = []
    strange: list[float] = []
    for author, other in zip(tested, tested[1:] + tested[:1], strict=True):
        first, *rest = sorted(name for name in excerpt if name.startswith(author))
        chosen = {"author": rest, "own": [first], "other": [name for name in excerpt if name.startswith(other)][:1]}
        for folder, names in chosen.items():
            (tmp_path / author / folder).mkdir(parents=True)
            for name in names:
                (tmp_path / author / folder / name).write_text(excerpt[name], encoding="utf-8")
        folders = [tmp_path / author / "own", tmp_path / author / "other"]
        report = scoring.score_folders(tmp_path / author / "author", folders, others)
        for values, scored in zip((own, strange), folders, strict=True):
            value = report.texts[str(scored)].score.value
            assert value is not None
            values.append(value)
    # One book of an author may lie far from the other two; four authors together do not.
    assert 70 < np.mean(own) < 130 and -20 < np.mean(strange) < 30, (own, strange)
    assert all(a > b for a, b in zip(own, strange, strict=True)), (own, strange)


def test_score_of_one_short_file_says_what_its_100_rests_on(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "only.md").write_text(prose(4000, 1), encoding="utf-8")
    (tmp_path / "t.txt").write_text(prose(600, 2), encoding="utf-8")
    report = scoring.score_folders(tmp_path / "a", [tmp_path / "t.txt"])
    assert "single work" in report.own_level and report.block_words == 500
    assert report.texts[str(tmp_path / "t.txt")].closer_than_other_authors == 1.0
    (tmp_path / "t.txt").write_text("Too short.", encoding="utf-8")
    with pytest.raises(UserError, match="no text of 250 words"):
        scoring.score_folders(tmp_path / "a", [tmp_path / "t.txt"])


def test_an_author_of_another_language_gets_no_score_against_english_ones(tmp_path: Path) -> None:
    french = "On me dit que tu es parti un matin, et je t'attends encore; il a plu, et la mer est revenue. " * 300
    for name, text in (("a", french), ("t", french[:9000])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "only.md").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="another language") as error:
        scoring.score_folders(tmp_path / "a", [tmp_path / "t"])
    assert "IMPOSTERS=" in str(error.value)
