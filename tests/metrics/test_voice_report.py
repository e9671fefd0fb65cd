"""The voice report on runs made up for the purpose: what moved is seen, what did not is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.metrics import runs
from tests.metrics.runs import authors_own, base, halfway, make_run
from tests.prose import chapters, prose
from voicewright.core import text as reading
from voicewright.core.documents.base import read_document, write_document
from voicewright.core.documents.voice_report import Measure, VoiceReport
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import write_rows
from voicewright.metrics import registry, voice_report
from voicewright.metrics.material import Material, gather
from voicewright.reporting.report import VOICE_SECTIONS

pytestmark = pytest.mark.slow


def material_of(run: Run) -> Material:
    return gather(run, runs.SETTINGS.bootstrap, runs.SETTINGS.seed)


def measure_of(run: Run, name: str) -> Measure:
    """One measure alone, as the report computes it."""
    return voice_report.evaluate(registry.measures()[name], material_of(run))


def figure(report: VoiceReport, measure: str, arm: str = "finetuned") -> Any:
    return report.measures[measure].arms[arm]


def test_a_model_that_moved_is_clearly_between_base_and_author_and_a_placebo_is_exactly_0(report: VoiceReport) -> None:
    moved = figure(report, "transfer")
    assert moved.low > 15 and moved.high < 95
    placebo = figure(report, "transfer", "prompted")
    assert (placebo.value, placebo.low, placebo.high) == (0, 0, 0)
    own = figure(report, "transfer", "author")
    assert own.low > 85 and own.high < 125
    for name in ("vocabulary", "pov", "markers"):
        steps = [figure(report, name, arm).value for arm in ("baseline", "finetuned", "author")]
        assert steps == sorted(steps) and steps[2] > 80, name
    assert figure(report, "you_per_1000").low > figure(report, "you_per_1000", "baseline").high
    assert "the base model" in report.calibration.other_authors
    for measure in report.measures.values():
        assert measure.title and measure.definition.endswith(".") and measure.unit and measure.better


def test_a_report_is_read_as_it_was_written(report: VoiceReport, tmp_path: Path) -> None:
    write_document(tmp_path / "voice.json", report)
    assert read_document(tmp_path / "voice.json", VoiceReport) == report


def test_shuffled_words_and_a_verbatim_copy_are_each_caught_by_another_measure(report: VoiceReport) -> None:
    assert figure(report, "word_order", "shuffled").high < 75
    assert figure(report, "word_order", "copy").low > 85
    copying = report.copying.arms
    assert copying["copy"].training.verdict == "fail" and copying["copy"].training.coverage_percent > 95
    span = copying["copy"].shown[0]
    assert span.source.startswith("train.md:")
    assert span.text in " ".join(reading.words(span.author_text))
    # As the author wrote it: with capitals and punctuation.
    assert ". " in span.author_text and span.author_text != span.author_text.lower()
    assert copying["shuffled"].training.verdict == "ok"
    assert report.copying.transfer_without_copies["copy"].value is None
    assert "caricature or copying" in " ".join(report.caricature["copy"])


def test_a_base_that_is_as_close_as_the_author_gives_no_scale_and_no_number(home: Path) -> None:
    transfer = measure_of(make_run({"baseline": authors_own, "finetuned": base}), "transfer").arms["finetuned"]
    assert (transfer.value, transfer.status) == (None, "not identifiable")
    assert "no scale" in (transfer.why or "")


def test_a_habit_overdone_raises_the_alarm_and_counts_against_the_markers(report: VoiceReport) -> None:
    assert any("Exclamation" in alarm for alarm in report.caricature["shouting"])
    assert report.overshoot["shouting"]["exclamations"].overdone
    assert not report.overshoot["author"]["exclamations"].overdone
    assert figure(report, "markers", "shouting").value < figure(report, "markers", "author").value - 5


def test_nothing_held_out_gives_no_calibrated_number_and_says_so(home: Path) -> None:
    report = runs.report(make_run({"baseline": base, "finetuned": halfway}, heldout=[]))
    for name in ("transfer", "vocabulary", "structure", "markers", "pov"):
        missing = figure(report, name)
        assert (missing.value, missing.status) == (None, "not available")
    assert any("Nothing was held out" in note for note in report.notes)


def test_an_arm_that_says_nothing_is_counted_and_does_not_spoil_the_others(report: VoiceReport) -> None:
    assert figure(report, "empty", "mute").value == 100
    assert "almost nothing" in figure(report, "transfer", "mute").why
    assert figure(report, "transfer").low > 15


def test_every_generation_empty_is_an_error_that_says_what_to_do(home: Path) -> None:
    with pytest.raises(UserError, match="every generation is empty"):
        runs.report(make_run({"baseline": lambda i: "", "finetuned": lambda i: " "}))


def test_an_arm_whose_endpoint_died_is_left_out_with_the_reason(report: VoiceReport) -> None:
    assert "only 3 of 16 prompts" in figure(report, "transfer", "late").why
    assert any("only 3 of 16 prompts" in note for note in report.notes)
    assert figure(report, "transfer").low > 15


def test_a_manuscript_that_is_all_dialogue_has_no_point_of_view(home: Path) -> None:
    talk = [f'"{prose(3000, 7 + i).replace(chr(10), " ")}"' for i in range(3)]
    run = make_run({"baseline": base, "finetuned": base}, train=talk, heldout=talk[2:])
    assert measure_of(run, "pov").arms["finetuned"].value is None


@pytest.mark.parametrize(
    "sentence",
    [
        "Ο άνθρωπος περπατούσε στον δρόμο και κοίταζε τη θάλασσα κάθε μέρα το πρωί. ",
        "On me dit que tu es parti un matin, et je t'attends encore; il a plu, et la mer est revenue. ",
    ],
    ids=["greek", "french"],
)
def test_another_language_is_not_held_against_english_authors_nor_read_by_english_words(
    home: Path, sentence: str
) -> None:
    foreign = [sentence * 150] * 2
    arms: dict[str, runs.Writer] = {"baseline": base, "finetuned": lambda i: sentence * 20}
    report = runs.report(make_run(arms, train=foreign, heldout=foreign))
    for name in ("transfer", "vocabulary", "markers", "pov", "you_per_1000", "own_terms", "slop", "letters"):
        missing = figure(report, name)
        assert missing.value is None and "another language" in missing.why, name
    assert not report.calibration.views and not report.calibration.by_domain
    assert report.own_terms == [] and report.forgetting.leakage == {}
    assert any("another language" in note for note in report.notes)
    # What needs no word of English is measured all the same.
    assert figure(report, "sentence_words").value > figure(report, "sentence_words", "baseline").value * 0.5
    assert len([section for section in VOICE_SECTIONS if section(report, "")]) >= 3


def test_a_manuscript_too_short_for_a_profile_is_an_error(home: Path) -> None:
    with pytest.raises(UserError, match="a profile needs"):
        runs.report(make_run({"baseline": base}, train=["You wait. " * 100]))


def test_held_out_text_of_a_training_chapter_is_noted(home: Path) -> None:
    run = make_run({"baseline": base, "finetuned": halfway})
    rows = [runs.row("heldout", i, text, section="train 1") for i, text in enumerate(chapters()[13:])]
    write_rows(run.rows_path("completion", "heldout"), rows)
    assert any("shares a chapter" in note for note in voice_report.notes(material_of(run)))


def test_bits_per_character_are_pooled_over_the_passages_that_every_arm_scored(report: VoiceReport) -> None:
    assert figure(report, "bits_per_character").value == pytest.approx(1.5)
    gain = report.measures["bits_per_character"].reference.gain_over_base["finetuned"]
    assert gain.value == pytest.approx(0.5) and gain.low is not None and gain.low > 0


def test_answers_outside_the_field_are_kept_apart_and_show_forgetting(report: VoiceReport) -> None:
    retained = report.forgetting.arms["finetuned"]
    assert retained["all"].outcome == "worse" and retained["facts"].prompts == 8
    assert figure(report, "transfer").low > 15


def test_what_is_continued_from_training_text_counts_as_copying_there_and_nowhere_else(home: Path) -> None:
    run = make_run({"baseline": base, "finetuned": halfway}, prompts=8)
    before = runs.report(run)
    words = chapters()[0].split()
    prompt, learnt = " ".join(words[:40]), " ".join(words[40:90])
    for arm, text in (("baseline", f"{prompt} {base(1)}"), ("finetuned", learnt)):
        prefix = runs.generation(arm, "training-1", 0, text, "training")
        write_rows(run.prefixes_path(arm), [{**prefix, "set": "training", "prompt": prompt}])
    after = runs.report(run)
    continued = after.copying.training_prefixes
    assert continued is not None
    assert after.model_copy(update={"copying": before.copying}) == before
    assert after.copying.model_copy(update={"training_prefixes": None}) == before.copying
    # The base only says its prompt again, which is no copying.
    assert continued.arms["baseline"].longest_words < 10
    assert continued.arms["finetuned"].longest_words >= 45
    assert continued.arms["finetuned"].shown[0].source.startswith("train.md:")
