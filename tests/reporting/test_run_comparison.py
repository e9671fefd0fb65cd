"""Runs side by side, from their files alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.metrics import runs
from tests.metrics.runs import base, halfway, make_run
from voicewright.core.documents.base import write_document
from voicewright.core.documents.generation import Generation
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import read_rows, write_rows
from voicewright.reporting import html, run_comparison


def generations(arm: str, *texts: str) -> list[Generation]:
    """An arm's answers to prompts that are marked up, one sample each."""
    return [
        Generation(
            id=f"{n}", arm=arm, domain="philosophy", sample=0, prompt_id=f"p{n}", prompt=f"<b>{n}</b>?", text=text
        )
        for n, text in enumerate(texts)
    ]


def test_answers_to_prompts_that_were_put_to_all_stand_beside_one_another_and_nothing_in_them_is_markup() -> None:
    answers = {"one": generations("finetuned", "<script>", "So."), "two": generations("finetuned", "Because.")}
    shared = run_comparison.shared_answers({**answers, "half-way": generations("checkpoint-5", "Or.")})
    assert [(each.prompt, each.texts) for each in shared] == [("<b>0</b>?", {"one": "<script>", "two": "Because."})]
    page = html.render("t", "t", "t", [run_comparison.answers_section(shared)], footer="")
    assert "&lt;script&gt;" in page and "<script" not in page and "<b>" not in page
    other = answers["two"][0].model_copy(update={"prompt_id": "other"})
    assert run_comparison.shared_answers({"one": answers["one"], "two": [other]}) == []


@pytest.mark.slow
def test_a_page_shows_every_run_every_measure_and_the_learning_curve_and_escapes_texts(home: Path) -> None:
    run = make_run({"baseline": base, "checkpoint-10": base, "checkpoint-20": halfway}, name="one")
    rows = [
        {**row, "text": row["text"] + " <script>alert</script>" * 3}
        for row in read_rows(run.generations_path("checkpoint-10"))
    ]
    write_rows(run.generations_path("checkpoint-10"), rows)
    write_document(run.voice_path, runs.report(run))
    shutil.copytree(run.dir, Run("two").dir)
    page = run_comparison.page(run_comparison.read_reports(["one", "two"]))
    assert "<script" not in page
    assert "http:" not in page and "https:" not in page
    for said in ("Voice transfer", "Point of view", "one: checkpoint at step 20", "two: base model", "Learning curve"):
        assert said in page
    assert page.count("<h3>Go on. ...</h3>") == 6 and "No prompt was put" not in page
    for said in ("Sentence lengths", "Variation between passages", "Similarity matrix", 'class="band"'):
        assert said in page
    assert "Less often than the author" in page
    assert page.count("<polyline") >= 2 + 3
    assert page == run_comparison.page(run_comparison.read_reports(["one", "two"]))


def test_a_run_without_a_report_is_named_with_the_command(home: Path) -> None:
    with pytest.raises(UserError, match="make voice RUN"):
        run_comparison.read_reports(["none"])
