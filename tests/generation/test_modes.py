"""Samples of modes: the author's words stand between the tags of the answer, and each mode is asked in its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicewright.core import modes
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import Row, write_rows
from voicewright.generation import generations, mode_tags, prompts
from voicewright.judging import pairs
from voicewright.metrics import samples
from voicewright.recipe import recipes
from voicewright.serving.endpoint import Endpoint
from voicewright.serving.old_client import Answer, Patience, Request

BEFORE, AFTER = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"


def sample(mode: str, cue: str, reply: str) -> Row:
    asked, answered = modes.TAGS[mode]
    text = f"{BEFORE}<{asked}>{cue}</{asked}>{AFTER}<{answered}>{reply}</{answered}><|im_end|>"
    return {"id": mode, "source": f"memories.jsonl:{mode}", "work": "memories", "mode": mode, "text": text}


ROWS = [
    sample("dual", "Rain?", "No rain."),
    sample("emulation", "Is it done?", "It is."),
    sample("agent", "Go.", "Went."),
]


def test_a_sample_is_parted_into_what_is_asked_and_what_is_answered() -> None:
    assert [modes.cue(row) for row in ROWS] == ["Rain?", "Is it done?", "Go."]
    assert [pairs.row_text(row) for row in ROWS] == ["No rain.", "It is.", "Went."]
    assert modes.question(ROWS[0]) == f"{BEFORE}<thought>Rain?</thought>{AFTER}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("<world>It rained.</world>", "It rained."),
        ("\n<action>Closed it.</action> and more", "Closed it."),
        ("<world>It rained", "It rained"),
        ("It rained.</world>", "It rained.</world>"),
        ("<user>It rained.</user>", "<user>It rained.</user>"),
    ],
)
def test_an_answer_is_read_without_the_tags_that_it_stands_in(answer: str, said: str) -> None:
    assert modes.bare(answer) == said


def test_prompts_of_our_own_are_put_as_somebody_who_speaks_to_the_model() -> None:
    assert modes.around(ROWS) == (f"{BEFORE}<user>", f"</user>{AFTER}")
    assert modes.around(ROWS[:1]) == (f"{BEFORE}<thought>", f"</thought>{AFTER}")
    assert modes.around([]) is modes.around([*ROWS, {"text": "It rained."}]) is None


def test_every_prompt_of_a_run_of_modes_stands_in_its_tags(home: Path) -> None:
    run = Run("modes")
    for split in ("train", "heldout"):
        write_rows(run.rows_path("completion", split), ROWS)
    settings = recipes.compose("modes", ["eval.openings=3"]).recipe.eval
    form = prompts.Format("completion", False, None, stop="<|im_end|>")
    asked = prompts.prompts(run, form, settings)
    assert [(p.text, p.reference) for p in asked[:3]] == [
        ("Rain?", "No rain."),
        ("Is it done?", "It is."),
        ("Go.", "Went."),
    ]
    assert all(p.put.startswith(BEFORE) and p.put.endswith(AFTER) and p.text in p.put for p in asked)
    assert {p.set for p in asked} == {"heldout", "everyday"}
    found = samples.author_rows(run, "train")
    assert len(found.sections) == 3
    assert found.texts == ["No rain.", "It is.", "Went."]


def test_a_generation_of_a_mode_is_kept_without_its_tags() -> None:
    request, endpoint = Request("?", None, 9, 1, {}), Endpoint("http://x/v1", "m", "h", None, False)
    for framed, kept in (("<user>Rain?</user>", "No rain."), (None, "<world>No rain.</world>")):
        ask = prompts.Ask(prompts.Prompt("p", "d", "Rain?", "heldout", framed=framed), 0, request, [])
        answer = Answer("<world>No rain.</world>", "stop", 5)
        assert generations.row(ask, endpoint, "finetuned", 50, answer, None)["text"] == kept


def test_a_server_that_is_gone_while_tags_are_counted_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "patience", lambda _: Patience(1))
    settings = recipes.compose("modes", ["model=tiny", "hardware=cpu"]).recipe
    write_rows(Run(settings.run).rows_path("completion", "heldout"), ROWS)
    nobody = Endpoint("http://127.0.0.1:9/v1", "baseline", "0" * 16, None, tokenizes=False)
    with pytest.raises(UserError, match="stopped answering"):
        mode_tags.measure(settings, "baseline", nobody)
    assert not Run(settings.run).tags_path("baseline").exists()
