"""The voice report on runs made up for the purpose: what moved is seen, what did not is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.prose import Habits, chapters, prose
from voicewright.core import text as reading
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import read_rows, write_rows
from voicewright.metrics import voice_report
from voicewright.reporting import memorization_sections, similarity_sections, wording_section
from voicewright.stats import intervals
from voicewright.stylometry import corpus, imposters, profile, style_space

PROMPTS, SAMPLES, WORDS = 16, 2, 250
Says = Callable[[int], str]


pytestmark = pytest.mark.slow


def base(i: int) -> str:
    return prose(WORDS, i)


def authors_own(i: int) -> str:
    """Pieces of chapters that neither training nor the held-out split has."""
    pieces = list(reading.blocks(reading.normal("\n\n".join(chapters()[8:13])), WORDS))
    return pieces[i % len(pieces)]


def halfway(i: int) -> str:
    return f"{authors_own(i)[: len(authors_own(i)) // 2]}\n\n{prose(WORDS // 2, 1000 + i)}"


def make(
    arms: dict[str, Says],
    train: list[str] | None = None,
    heldout: list[str] | None = None,
    name: str = "toy",
    prompts: int = PROMPTS,
) -> Run:
    """A run with rows and generations on disk."""
    run, texts = Run(name), chapters()
    splits = {"train": texts[:8] if train is None else train, "heldout": texts[13:] if heldout is None else heldout}
    for split, found in splits.items():
        write_rows(
            run.rows_path("completion", split),
            [
                {"id": f"{split}{i}", "source": f"{split}.md:{i}", "work": "w", "section": f"{split} {i}", "text": text}
                for i, text in enumerate(found)
            ],
        )
    for arm, says in arms.items():
        write_rows(
            run.generations_path(arm),
            [
                {
                    "id": f"{arm}-{p}-{s}",
                    "arm": arm,
                    "prompt_id": f"p{p:02d}",
                    "domain": "narrative",
                    "sample": s,
                    "prompt": "Go on.",
                    "text": says(p * SAMPLES + s),
                    "error": None,
                }
                for p in range(prompts)
                for s in range(SAMPLES)
            ],
        )
    return run


def figure(document: VoiceReport, measure: str, arm: str = "finetuned") -> Any:
    return document.measures[measure].arms[arm]


def test_a_model_that_moved_is_clearly_between_base_and_author_and_a_placebo_is_exactly_0(home: Path) -> None:
    run = make({"baseline": base, "finetuned": halfway, "prompted": base, "author": authors_own})
    document = voice_report.appraise(run, 300, 1)
    moved = figure(document, "transfer")
    assert moved.low > 15 and moved.high < 95
    placebo = figure(document, "transfer", "prompted")
    assert (placebo.value, placebo.low, placebo.high) == (0, 0, 0)
    own = figure(document, "transfer", "author")
    assert own.low > 85 and own.high < 125
    for name in ("vocabulary", "pov", "markers"):
        steps = [figure(document, name, arm).value for arm in ("baseline", "finetuned", "author")]
        assert steps == sorted(steps) and steps[2] > 80, name
    assert figure(document, "you_per_1000").low > figure(document, "you_per_1000", "baseline").high
    assert "the base model" in document.calibration.other_authors
    for measure in document.measures.values():
        assert measure.title and measure.definition.endswith(".") and measure.unit and measure.better


def test_shuffled_words_and_a_verbatim_copy_are_each_caught_by_another_measure(home: Path) -> None:
    def shuffled(i: int) -> str:
        words = authors_own(i).split()
        np.random.default_rng(i).shuffle(words)
        return " ".join(words)

    training = list(reading.blocks(reading.normal("\n\n".join(chapters()[:8])), WORDS))
    document = voice_report.appraise(
        make({"baseline": base, "shuffled": shuffled, "copy": lambda i: training[i]}), 300, 1
    )
    assert figure(document, "word_order", "shuffled").high < 75
    assert figure(document, "word_order", "copy").low > 85
    copied = document.copying.arms
    assert copied["copy"].training.verdict == "fail" and copied["copy"].training.coverage_percent > 95
    shown = copied["copy"].shown[0]
    assert shown.source.startswith("train.md:")
    assert shown.text in " ".join(reading.words(shown.author_text))
    # As the author wrote it: with capitals and punctuation.
    assert ". " in shown.author_text and shown.author_text != shown.author_text.lower()
    assert copied["shuffled"].training.verdict == "ok"
    assert document.copying.transfer_without_copies["copy"].value is None
    assert "caricature or copying" in " ".join(document.caricature["copy"])


def test_a_base_that_is_as_close_as_the_author_gives_no_scale_and_no_number(home: Path) -> None:
    document = voice_report.appraise(make({"baseline": authors_own, "finetuned": base}), 300, 1)
    found = figure(document, "transfer")
    assert (found.value, found.status) == (None, "not identifiable")
    assert "no scale" in found.why


def test_a_habit_overdone_raises_the_alarm_and_counts_against_the_markers(home: Path) -> None:
    def shouting(i: int) -> str:
        return authors_own(i).replace(". ", "! ")

    document = voice_report.appraise(make({"baseline": base, "finetuned": shouting, "author": authors_own}), 300, 1)
    assert any("Exclamation" in said for said in document.caricature["finetuned"])
    assert document.overshoot["finetuned"]["exclamations"].overdone
    assert not document.overshoot["author"]["exclamations"].overdone
    assert figure(document, "markers").value < figure(document, "markers", "author").value - 5


def test_nothing_held_out_gives_no_calibrated_number_and_says_so(home: Path) -> None:
    document = voice_report.appraise(make({"baseline": base, "finetuned": halfway}, heldout=[]), 300, 1)
    for name in ("transfer", "vocabulary", "structure", "markers", "pov"):
        found = figure(document, name)
        assert (found.value, found.status) == (None, "not available")
    assert any("Nothing was held out" in note for note in document.notes)


def test_an_arm_that_says_nothing_is_counted_and_does_not_spoil_the_others(home: Path) -> None:
    document = voice_report.appraise(make({"baseline": base, "finetuned": halfway, "mute": lambda i: ""}), 300, 1)
    assert figure(document, "empty", "mute").value == 100
    assert "next to nothing" in figure(document, "transfer", "mute").why
    assert figure(document, "transfer").low > 15


def test_every_generation_empty_is_an_error_that_says_what_to_do(home: Path) -> None:
    with pytest.raises(UserError, match="every generation is empty"):
        voice_report.appraise(make({"baseline": lambda i: "", "finetuned": lambda i: " "}), 300, 1)


def test_an_arm_whose_endpoint_died_is_left_out_with_the_reason(home: Path) -> None:
    run = make({"baseline": base, "finetuned": halfway, "late": halfway})
    path = run.generations_path("late")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:6]))
    document = voice_report.appraise(run, 300, 1)
    assert "only 3 of 16 prompts" in figure(document, "transfer", "late").why
    assert figure(document, "transfer").low > 15


def test_a_manuscript_that_is_all_dialogue_has_no_point_of_view(home: Path) -> None:
    talk = [f'"{prose(3000, 7 + i).replace(chr(10), " ")}"' for i in range(3)]
    document = voice_report.appraise(make({"baseline": base, "finetuned": base}, train=talk, heldout=talk[2:]), 300, 1)
    assert figure(document, "pov").value is None


@pytest.mark.parametrize(
    "sentence",
    [
        "Ο άνθρωπος περπατούσε στον δρόμο και κοίταζε τη θάλασσα κάθε μέρα το πρωί. ",
        "On me dit que tu es parti un matin, et je t'attends encore; il a plu, et la mer est revenue. ",
    ],
)
def test_another_language_is_not_held_against_english_authors_nor_read_by_english_words(
    home: Path, sentence: str
) -> None:
    foreign = [sentence * 150] * 2
    arms: dict[str, Says] = {"baseline": base, "finetuned": lambda i: sentence * 20}
    document = voice_report.appraise(make(arms, train=foreign, heldout=foreign), 300, 1)
    for name in ("transfer", "vocabulary", "markers", "pov", "you_per_1000", "own_terms", "slop", "letters"):
        found = figure(document, name)
        assert found.value is None and "another language" in found.why, name
    assert not document.calibration.views and not document.calibration.by_domain
    assert document.own_terms == [] and document.forgetting.leakage == {}
    assert any("another language" in note for note in document.notes)
    # What needs no word of English is measured all the same.
    assert figure(document, "sentence_words").value > figure(document, "sentence_words", "baseline").value * 0.5
    assert all(
        part(document.to_json(), "")
        for part in (similarity_sections.section, wording_section.section, memorization_sections.copying_section)
    )


def test_a_manuscript_too_short_for_a_profile_is_an_error(home: Path) -> None:
    with pytest.raises(UserError, match="a profile needs"):
        voice_report.appraise(make({"baseline": base}, train=["You wait. " * 100]), 300, 1)


def test_held_out_text_of_a_training_chapter_is_noted(home: Path) -> None:
    run = make({"baseline": base, "finetuned": halfway})
    write_rows(
        run.rows_path("completion", "heldout"),
        [{"id": "h", "source": "x", "work": "w", "section": "train 1", "text": text} for text in chapters()[13:]],
    )
    assert any("shares a chapter" in note for note in voice_report.appraise(run, 300, 1).notes)


def test_bits_per_character_are_pooled_over_the_passages_that_every_arm_scored(home: Path) -> None:
    run = make({"baseline": base, "finetuned": halfway})
    for arm, bits in (("baseline", 2.0), ("finetuned", 1.5)):
        write_rows(
            run.likelihood_path(arm),
            [
                {"id": f"h{i}", "arm": arm, "chars": 100 + i, "tokens": 30, "bits": bits * (100 + i)}
                for i in range(6 if arm == "baseline" else 5)
            ],
        )
    document = voice_report.appraise(run, 300, 1)
    assert figure(document, "bits_per_character").value == pytest.approx(1.5)
    gain = document.measures["bits_per_character"].reference.gain_over_base["finetuned"]
    assert gain.value == pytest.approx(0.5) and gain.low is not None and gain.low > 0


def test_answers_outside_the_field_are_kept_apart_and_show_forgetting(home: Path) -> None:
    run = make({"baseline": base, "finetuned": halfway})

    def facts(arm: str, text: str) -> None:
        path = run.generations_path(arm)
        rows = [
            {
                "id": f"{arm}f{p}{s}",
                "arm": arm,
                "prompt_id": f"fact{p}",
                "domain": "facts",
                "sample": s,
                "prompt": "Which?",
                "text": f"{text} number {p}",
                "error": None,
            }
            for p in range(8)
            for s in range(2)
        ]
        write_rows(path, [*read_rows(path), *rows])

    facts("baseline", "Paris is the capital of France")
    facts("finetuned", "You wait by the river for him")
    document = voice_report.appraise(run, 300, 1)
    forgot = document.forgetting.arms["finetuned"]
    assert forgot["all"].outcome == "worse" and forgot["facts"].prompts == 8
    assert figure(document, "transfer").low > 15


@pytest.mark.parametrize("blocks", [5, 12])
def test_intervals_cover_a_known_mean_at_the_size_of_the_demo(blocks: int) -> None:
    rng, hits = np.random.default_rng(3), 0
    for _ in range(300):
        values = rng.normal(1.0, 0.3, blocks)
        weights = intervals.resampling_weights(blocks, 300, rng, corrected=True)
        found = intervals.percentile_figure(weights @ values / weights.sum(axis=1))
        assert found.low is not None and found.high is not None
        hits += found.low < 1.0 < found.high
    assert hits >= 272


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


def test_what_is_continued_from_training_text_counts_as_copying_there_and_nowhere_else(home: Path) -> None:
    run = make({"baseline": base, "finetuned": halfway})
    before = voice_report.appraise(run, 300, 1)
    words = chapters()[0].split()
    prompt, learnt = " ".join(words[:40]), " ".join(words[40:90])
    for arm, text in (("baseline", f"{prompt} {base(1)}"), ("finetuned", learnt)):
        [row] = list(read_rows(run.generations_path(arm)))[:1]
        row |= {"id": f"{arm}-t", "prompt_id": "training-1", "domain": "training", "set": "training"}
        write_rows(run.prefixes_path(arm), [{**row, "prompt": prompt, "text": text}])
    after = voice_report.appraise(run, 300, 1)
    continued = after.copying.training_prefixes
    assert continued is not None
    assert after.model_copy(update={"copying": before.copying}) == before
    assert after.copying.model_copy(update={"training_prefixes": None}) == before.copying
    # The base only says its prompt again, which is no copying.
    assert continued.arms["baseline"].longest_words < 10
    assert continued.arms["finetuned"].longest_words >= 45
    assert continued.arms["finetuned"].shown[0].source.startswith("train.md:")
