"""Profiles of authors, and the statistics of other authors that they are compared with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.metrics.runs import authors_own, base
from tests.prose import Habits, chapters, prose
from voicewright.core.errors import UserError
from voicewright.stylometry import corpus, imposters, profile, style_space


@pytest.mark.slow
def test_the_judge_sees_which_of_two_texts_is_the_authors_and_ties_on_equal_ones() -> None:
    author = profile.build(chapters()[:8])
    own, other = authors_own(1), base(1)
    assert profile.closer(author, own, other) == "x" and profile.closer(author, other, own) == "y"
    assert profile.closer(author, own, own) == "tie" and profile.closer(author, "", "") == "tie"
    assert author.distance(own) < author.distance(other)
    assert set(author.components(own)) == {"words", "chars", "syntax", "punctuation", "sentences"}


def test_the_shipped_figures_are_of_20_authors_or_more_and_under_a_megabyte() -> None:
    assert len(imposters.shipped().names) >= 20
    assert imposters.SHIPPED.stat().st_size < 1_000_000


def test_a_broken_file_of_figures_is_an_error_with_the_command_that_makes_a_new_one(tmp_path: Path) -> None:
    broken = tmp_path / "broken.npz"
    shutil.copyfile(Path(__file__), broken)
    with pytest.raises(UserError, match=r"python -m benchmarks\.style\.imposters"):
        imposters.shipped(broken)


@pytest.mark.slow
def test_figures_of_other_authors_are_made_from_any_folder(tmp_path: Path) -> None:
    for i, subject in enumerate(["he", "she", "it", "we", "they"]):
        habits = Habits(subjects=(subject,), joiner="; " if i % 2 else ", and ", clauses=i + 1)
        (tmp_path / f"Author{i}_Book_1.txt").write_text(prose(4500, i, habits), encoding="utf-8")
    made = imposters.build(corpus.read(tmp_path))
    style_space.save(made, tmp_path / "own.npz")
    kept = style_space.load(tmp_path / "own.npz")
    assert kept.names == tuple(f"Author{i}" for i in range(5))
    text = [prose(2200, 99, Habits(subjects=("it",), clauses=3))]
    before, after = (profile.build(text, figures).distance(text[0]) for figures in (made, kept))
    assert after == pytest.approx(before, abs=0.02)
    (tmp_path / "Author4_Book_1.txt").unlink()
    with pytest.raises(UserError, match="at least 5"):
        imposters.build(corpus.read(tmp_path))
