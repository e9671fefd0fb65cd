"""Synthetic questions: retried, stored as they come, cached; the answer is the passage, word for word."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.data.conftest import book
from tests.data.endpoint import Endpoint
from voicewright.core import records
from voicewright.core.errors import UserError
from voicewright.core.records import Row
from voicewright.data import questions
from voicewright.data.assembly import Assembly
from voicewright.data.shapes import qa
from voicewright.recipe.schema import Questions

Make = Callable[..., Assembly]


@pytest.fixture
def ask(assembled: Make, tmp_path: Path, home: Path, endpoint: Endpoint) -> Callable[..., Assembly]:
    (tmp_path / "book.md").write_text(book(4))

    def run(**settings: Any) -> Assembly:
        qa = {"url": endpoint.url, "first_delay_s": 0.001, "concurrency": 2} | settings
        return assembled({"mine": {"path": str(tmp_path / "book.md"), "shape": "qa"}}, qa=qa)

    return run


def test_each_passage_gets_two_questions_and_answers_itself(ask: Callable[..., Assembly]) -> None:
    result = ask(persona="You are the well.")
    row = result.output.rows[0].row
    assert [message.role for message in row.messages or []] == ["system", "user", "assistant"]
    system, question, answer = (message.text for message in row.messages or [])
    assert system == "You are the well." and question.endswith("?")
    start, end = map(int, row.source.rpartition(":")[2].split("-"))
    assert answer == book(4)[start:end].strip()
    assert len(result.output.rows) == 2 * result.output.question_stats["mine"].passages


def test_a_second_run_asks_nothing_again(ask: Callable[..., Assembly], endpoint: Endpoint) -> None:
    first = ask()
    requests = len(endpoint.requests)
    assert [p.row for p in ask().output.rows] == [p.row for p in first.output.rows]
    assert len(endpoint.requests) == requests


def test_each_source_of_questions_is_counted(assembled: Make, tmp_path: Path, home: Path, endpoint: Endpoint) -> None:
    sources = {}
    for name, chapters in (("one", 3), ("two", 5)):
        (tmp_path / f"{name}.md").write_text(book(chapters).replace("ladder", name))
        sources[name] = {"path": str(tmp_path / f"{name}.md"), "shape": "qa"}
    stats = assembled(sources, qa={"url": endpoint.url}).output.question_stats
    assert stats["two"].passages > stats["one"].passages > 0
    assert sum(source.covered for source in stats.values()) == len(endpoint.requests)


def test_malformed_answers_and_refusals_are_tried_again(ask: Callable[..., Assembly], endpoint: Endpoint) -> None:
    good = endpoint.answer
    endpoint.answer = lambda n: (200, "Sure! {") if n % 3 == 1 else (503, "busy") if n % 3 == 2 else good(n)
    result = ask(concurrency=1)
    passages = result.output.question_stats["mine"].passages
    assert result.output.question_stats["mine"].covered == passages and len(endpoint.requests) == 3 * passages
    assert result.output.question_stats["mine"].tokens_in == 200 * passages  # the malformed answer was paid for too


def test_too_few_passages_with_questions_is_an_error_that_loses_none(
    ask: Callable[..., Assembly], endpoint: Endpoint
) -> None:
    good = endpoint.answer
    endpoint.answer = lambda n: good(n) if n <= 2 else (500, "down")
    with pytest.raises(UserError, match=r"2 of \d+ passages have questions"):
        ask(concurrency=1, max_retries=0)
    before = len(endpoint.requests)
    endpoint.answer = good
    passages = ask(concurrency=1).output.question_stats["mine"].passages
    assert len(endpoint.requests) - before == passages - 2


def test_answers_are_kept_as_they_come_though_others_are_still_asked(
    ask: Callable[..., Assembly], endpoint: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    good = endpoint.answer
    late = "# Chapter 1\n"

    def answer(n: int) -> tuple[int, str]:
        if f"Passage:\n{late}" in endpoint.requests[n - 1]["messages"][0]["content"]:
            released.wait(5)
        return good(n)

    stored: list[str] = []

    def append(self: records.Appender, row: Row) -> None:
        append_row(self, row)
        stored.append(row["asked"])
        if len(stored) == 3:
            raise KeyboardInterrupt  # while the first passage is still being asked about

    append_row = records.Appender.append
    endpoint.answer = answer
    with monkeypatch.context() as patched:
        patched.setattr(records.Appender, "append", append)
        with pytest.raises(KeyboardInterrupt):
            ask(concurrency=2)
    released.set()
    (path,) = (home / "runs" / ".asked").glob("*.jsonl")
    assert [row["asked"] for row in records.read_rows(path)] == stored and len(stored) == 3
    assert not any(passage.startswith(late) for passage in stored)
    endpoint.requests.clear()
    ask(concurrency=2)
    again = [request["messages"][0]["content"] for request in endpoint.requests]
    assert not any(passage in prompt for passage in stored for prompt in again)


def test_a_kill_in_mid_write_repeats_one_passage_at_most(
    ask: Callable[..., Assembly], endpoint: Endpoint, home: Path
) -> None:
    ask()
    (stored,) = (home / "runs" / ".asked").glob("*.jsonl")
    stored.write_bytes(stored.read_bytes()[:-20])
    before = len(endpoint.requests)
    ask(coverage=1.0)
    assert len(endpoint.requests) == before + 1


def test_enough_passages_are_enough(ask: Callable[..., Assembly], endpoint: Endpoint, home: Path) -> None:
    ask()
    (stored,) = (home / "runs" / ".asked").glob("*.jsonl")
    stored.write_bytes(stored.read_bytes()[:-20])
    before = len(endpoint.requests)
    result = ask(coverage=0.7)
    assert len(endpoint.requests) == before
    assert "no questions came for the passage" in [drop.reason for drop in result.output.dropped]


def test_a_server_that_knows_no_response_format_is_asked_without(
    ask: Callable[..., Assembly], endpoint: Endpoint
) -> None:
    good = endpoint.answer
    endpoint.answer = lambda n: (400, "unknown field") if "response_format" in endpoint.requests[n - 1] else good(n)
    assert ask().output.question_stats["mine"].covered > 0


def test_a_key_is_needed_away_from_home_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Questions(url="https://example.org/v1", api_key_env="VOICEWRIGHT_TEST_KEY")
    monkeypatch.delenv("VOICEWRIGHT_TEST_KEY", raising=False)
    with pytest.raises(UserError, match="VOICEWRIGHT_TEST_KEY is not set"):
        questions.client_settings(qa.asking_for(2), settings)
    monkeypatch.setenv("VOICEWRIGHT_TEST_KEY", "shh")
    client = questions.client_settings(qa.asking_for(2), settings)
    assert client.key() == "shh" and "shh" not in repr(client)
    questions.client_settings(qa.asking_for(2), Questions())


@pytest.mark.parametrize("answer", ["", "no", '{"questions": "one"}', '{"questions": ["a", "a"]}', "[1]", '{"x": 1}'])
def test_answers_that_are_not_what_was_asked_for(answer: str) -> None:
    assert qa.parse(answer, 2) == []


def test_words_around_the_json_are_forgiven() -> None:
    assert qa.parse('Here: {"questions": ["Why?", "How?"]} done', 2) == ["Why?", "How?"]


def test_vllm_is_held_to_a_form_in_which_no_blank_fits() -> None:
    form = qa.form(2, questions.Model("m", is_vllm=True))["structured_outputs"]["regex"]  # type: ignore[index]
    assert re.fullmatch(form, '{"questions":["Why is it so?","How is that done?"]}')
    for answer in ('{ "questions":["Why is it so?","How is that?"]}', '{"questions":["Why is \\ so?","How is that?"]}'):
        assert not re.fullmatch(form, answer)


def test_the_questions_of_one_base_model_are_not_taken_for_anothers() -> None:
    task, own, named = qa.asking_for(2), Questions(), Questions(model="gpt-x")
    assert questions.generator(task, own, Path("a")) != questions.generator(task, own, Path("b"))
    assert questions.generator(task, named, Path("a")) == questions.generator(task, named, Path("b"))
