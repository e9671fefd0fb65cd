"""Samples of modes: the author's words stand between the tags of the answer, and each mode is asked in its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pretend_server import Pretender, running
from voicewright.core.documents.base import write_documents
from voicewright.core.documents.endpoint import Completion
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.rows import MODE_TAGS, PromptFormat, TrainingRow, mode_frame, without_mode_tags
from voicewright.generation import generations, mode_tags, prompts
from voicewright.metrics import samples
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.serving.client import Answer, Client, ClientSettings, Request
from voicewright.serving.endpoint import Endpoint

BEFORE, AFTER = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"


def sample(mode: str, question: str, answer: str) -> TrainingRow:
    prompt_tag, answer_tag = MODE_TAGS[mode]
    text = f"{BEFORE}<{prompt_tag}>{question}</{prompt_tag}>{AFTER}<{answer_tag}>{answer}</{answer_tag}><|im_end|>"
    return TrainingRow(id=mode, source=f"memories.jsonl:{mode}", tokens=20, work="memories", mode=mode, text=text)


ROWS = [
    sample("dual", "Rain?", "No rain."),
    sample("emulation", "Is it done?", "It is."),
    sample("agent", "Go.", "Went."),
]


def test_a_sample_is_parted_into_what_is_asked_and_what_is_answered() -> None:
    assert [row.mode_question for row in ROWS] == ["Rain?", "Is it done?", "Go."]
    assert [row.author_text for row in ROWS] == ["No rain.", "It is.", "Went."]
    assert ROWS[0].mode_prompt == f"{BEFORE}<thought>Rain?</thought>{AFTER}"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("<world>It rained.</world>", "It rained."),
        ("\n<action>Closed it.</action> and more", "Closed it."),
        ("<world>It rained", "It rained"),
        ("It rained.</world>", "It rained.</world>"),
        ("<user>It rained.</user>", "<user>It rained.</user>"),
    ],
)
def test_an_answer_is_read_without_the_tags_that_it_stands_in(answer: str, text: str) -> None:
    assert without_mode_tags(answer) == text


def test_prompts_of_our_own_are_put_as_somebody_who_speaks_to_the_model() -> None:
    assert mode_frame(ROWS) == (f"{BEFORE}<user>", f"</user>{AFTER}")
    assert mode_frame(ROWS[:1]) == (f"{BEFORE}<thought>", f"</thought>{AFTER}")
    assert mode_frame([]) is mode_frame([*ROWS, TrainingRow(id="p", source="s", tokens=3, text="It rained.")]) is None


def test_every_prompt_of_a_run_of_modes_stands_in_its_tags(home: Path) -> None:
    run = Run("modes")
    for split in ("train", "heldout"):
        write_documents(run.rows_path("completion", split), ROWS)
    settings = recipes.compose("modes", ["eval.openings=3"]).recipe.eval
    form = PromptFormat(stop="<|im_end|>")
    listed = prompts.prompts(run, form, settings)
    assert [(p.text, p.reference) for p in listed[:3]] == [
        ("Rain?", "No rain."),
        ("Is it done?", "It is."),
        ("Go.", "Went."),
    ]
    assert all(p.raw_text.startswith(BEFORE) and p.raw_text.endswith(AFTER) and p.text in p.raw_text for p in listed)
    assert {p.set for p in listed} == {"heldout", "everyday"}
    author = samples.read_author_texts(run, "train")
    assert len(author.sections) == 3
    assert author.texts == ["No rain.", "It is.", "Went."]


def test_a_generation_of_a_mode_is_kept_without_its_tags() -> None:
    endpoint = Endpoint(Client(ClientSettings("http://x/v1")), "m", "h", None, False)
    answer = Answer("<world>No rain.</world>", Completion.model_validate({"choices": [{"finish_reason": "stop"}]}))
    for framed, text in (("<user>Rain?</user>", "No rain."), (None, "<world>No rain.</world>")):
        prompt = prompts.Prompt("p", "d", "Rain?", "heldout", framed=framed)
        request = prompts.GenerationRequest(prompt, 0, Request("m", 9, prompt="?", seed=1, id="x"), [])
        assert generations.generation(request, endpoint, "finetuned", 50, answer).text == text


@pytest.fixture
def settings(home: Path) -> Recipe:
    recipe = recipes.compose("modes", ["model=tiny", "hardware=cpu"]).recipe
    write_documents(Run(recipe.run).rows_path("completion", "heldout"), ROWS)
    return recipe


def test_a_server_that_is_gone_while_tags_are_counted_is_named(settings: Recipe) -> None:
    with Client(ClientSettings("http://127.0.0.1:9/v1", max_retries=0)) as client:
        nobody = Endpoint(client, "baseline", "0" * 16, None, tokenizes=False)
        with pytest.raises(UserError, match="stopped answering"):
            mode_tags.measure(settings, "baseline", nobody)
    assert not Run(settings.run).tags_path("baseline").exists()


def test_the_answers_in_tags_that_came_before_a_kill_are_not_asked_for_again(settings: Recipe) -> None:
    run = Run(settings.run)
    with (
        running(Pretender(write=lambda _body: "<world>Rain.</world>")) as server,
        Client(ClientSettings(server.url, max_retries=0, concurrency=1)) as client,
    ):
        endpoint = Endpoint(client, "baseline", "0" * 16, None, tokenizes=False)
        server.behave = lambda n, _body: (500, b"", {}) if n == 7 else None
        with pytest.raises(UserError, match="stopped answering"):
            mode_tags.measure(settings, "baseline", endpoint)
        tags = mode_tags.measure(settings, "baseline", endpoint)
        assert len(server.requests) == 3 * mode_tags.SAMPLES + 1
        assert tags is not None and tags.held["dual"].value == 1 and tags.held["agent"].value == 0
        mode_tags.measure(settings, "baseline", endpoint)
        assert len(server.requests) == 3 * mode_tags.SAMPLES + 1
    assert [path.name for path in run.tags_dir.iterdir()] == ["baseline.json"]
