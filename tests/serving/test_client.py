"""One client asks every endpoint: patiently, within its limits, and whatever comes back is an answer or a failure."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tenacity
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.pretend_server import Body, Pretender, running
from voicewright.core.documents.base import Document
from voicewright.core.documents.endpoint import Tokens
from voicewright.core.rows import Message
from voicewright.serving.client import (
    Answer,
    Client,
    ClientSettings,
    EndpointError,
    Failure,
    Outcome,
    Request,
    _retry_after_s,
    _retrying,
)

HELLO = Request("baseline", 20, prompt="Hello", seed=1)
CHAT = Request("baseline", 20, messages=[Message(role="user", content="Hello")], seed=1)


class Row(Document):
    id: str
    text: str


@pytest.fixture
def server() -> Iterator[Pretender]:
    with running(Pretender()) as pretender:
        yield pretender


def client(server: Pretender, **more: Any) -> Client:
    return Client(ClientSettings(server.url, **{"first_delay_s": 0.001, "timeout_s": 5.0, "max_retries": 3, **more}))


def ask(server: Pretender, request: Request = HELLO, **more: Any) -> Outcome:
    with client(server, **more) as connection:
        return connection.ask(request)


def answering(server: Pretender, *replies: tuple[int, bytes] | tuple[int, bytes, dict[str, str]] | None) -> None:
    """Let the server give these replies in turn, the last one for ever; None is a proper answer."""

    def behave(n: int, _body: Body) -> tuple[int, bytes, dict[str, str]] | None:
        reply = replies[min(n, len(replies) - 1)]
        return None if reply is None else (reply[0], reply[1], reply[2] if len(reply) == 3 else {})

    server.behave = behave


def completion(**choice: Any) -> bytes:
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    return json.dumps({"choices": [{"index": 0, **choice}], "usage": usage}).encode()


def test_a_request_is_the_json_that_the_api_takes(server: Pretender) -> None:
    sampling = {"temperature": 0.8, "top_p": 0.9, "min_tokens": 3}
    outcome = ask(server, Request("m", 20, prompt="Hello", seed=7, sampling=sampling))
    assert isinstance(outcome, Answer) and outcome.text.startswith("answer 7") and outcome.completion_tokens == 52
    ask(server, Request("m", 9, messages=CHAT.messages, token_limit="max_completion_tokens", seed=0))
    assert server.requests == [
        {"model": "m", "prompt": "Hello", "max_tokens": 20, "seed": 7, **sampling},
        {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_completion_tokens": 9, "seed": 0},
    ]


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again(server: Pretender, status: int) -> None:
    answering(server, (status, b"wait"), (status, b"wait"), None)
    outcome = ask(server)
    assert isinstance(outcome, Answer) and outcome.tries == len(server.requests) == 3


def test_what_does_not_pass_is_given_up_after_the_retries(server: Pretender) -> None:
    answering(server, (503, b'{"error": {"message": "the engine is dead"}}'))
    outcome = ask(server, max_retries=2)
    assert outcome == Failure("unscored", "the server answered 503: the engine is dead", 503, tries=3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_refusal_is_never_repeated(server: Pretender, status: int) -> None:
    answering(server, (status, b'{"error": {"message": "no"}}'))
    outcome = ask(server)
    assert outcome == Failure("refused", f"the server answered {status}: no", status)
    assert len(server.requests) == 1


def test_a_redirect_is_not_followed(server: Pretender) -> None:
    with running(Pretender()) as elsewhere:
        answering(server, (307, b"", {"Location": elsewhere.url + "/completions"}))
        outcome = ask(server, api_key_env="VOICEWRIGHT_TEST_KEY")
        assert isinstance(outcome, Failure) and outcome.kind == "refused" and elsewhere.url in outcome.reason
        assert elsewhere.requests == []


def test_nobody_at_the_address_is_dead_and_so_is_a_url_that_is_none() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    for address in (url, "ftp://127.0.0.1/v1", "no url at all", "http://[", "http://127.0.0.1:99999/v1", ""):
        with Client(ClientSettings(address, max_retries=1, first_delay_s=0.001)) as connection:
            outcome = connection.ask(HELLO)
            assert isinstance(outcome, Failure) and outcome.kind == "dead", (address, outcome)
            assert isinstance(connection.models(), Failure)


def test_a_server_that_hangs_up_is_dead(server: Pretender) -> None:
    server.refusing = True
    outcome = ask(server, max_retries=1)
    assert isinstance(outcome, Failure) and (outcome.kind, outcome.tries) == ("dead", 2)


def test_an_answer_that_drips_for_longer_than_the_deadline_is_given_up() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def drip() -> None:
            accepted, _ = listener.accept()
            accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            with contextlib.suppress(OSError):
                for _ in range(40):
                    time.sleep(0.05)
                    accepted.sendall(b" ")

        threading.Thread(target=drip, daemon=True).start()
        url, began = f"http://127.0.0.1:{listener.getsockname()[1]}/v1", time.monotonic()
        with Client(ClientSettings(url, timeout_s=0.3, max_retries=0)) as connection:
            assert connection.ask(HELLO) == Failure("unscored", "no answer within 0.3 seconds")
        assert time.monotonic() - began < 1.5


def test_an_answer_beyond_the_size_cap_is_not_read(server: Pretender) -> None:
    answering(server, (200, completion(text="x" * 10_000)))
    outcome = ask(server, max_answer_bytes=1000, max_retries=0)
    assert outcome == Failure("unscored", "the answer has more than 1000 bytes")


def test_a_wait_that_the_server_asks_for_is_kept(server: Pretender) -> None:
    answering(server, (429, b"", {"Retry-After": "0.3"}), None)
    began = time.monotonic()
    assert isinstance(ask(server), Answer)
    assert 0.3 <= time.monotonic() - began < 2
    assert _retry_after_s("120") == 120
    assert _retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert [_retry_after_s(text) for text in ("", "soon", "nan", "inf", "-")] == [None] * 5


def test_the_pause_doubles_up_to_a_minute_and_is_spread() -> None:
    wait = _retrying(9, 1.0).wait
    for attempt in range(1, 9):
        state = tenacity.RetryCallState(_retrying(9, 1.0), None, (), {})
        state.attempt_number = attempt
        longest = min(2.0 ** (attempt - 1), 60.0)
        pauses = [wait(state) for _ in range(20)]
        assert longest / 2 <= min(pauses) < max(pauses) <= longest


def test_a_text_that_is_not_what_was_asked_for_is_asked_for_again_and_paid_for(server: Pretender) -> None:
    sent: list[Body] = server.requests
    answering(server, (200, completion(message={"content": "Sure!"})), (200, completion(message={"content": "{}"})))
    request = Request("m", 9, messages=CHAT.messages, accepts=lambda text: text == "{}", repair="JSON, please.")
    with client(server, price_per_million_input=1e5, price_per_million_output=2e5) as connection:
        outcome = connection.ask(request)
        assert isinstance(outcome, Answer) and (outcome.text, outcome.tries) == ("{}", 2)
        assert (outcome.input_tokens, outcome.output_tokens, outcome.completion_tokens) == (20, 10, 5)
        assert connection.cost == pytest.approx(20 * 0.1 + 10 * 0.2)
    assert [turn["content"] for turn in sent[0]["messages"]] == ["Hello"]
    assert [turn["content"] for turn in sent[1]["messages"]] == ["Hello", "Sure!", "JSON, please."]
    sent.clear()
    answering(server, (200, completion(message={"content": "Sure!"})))
    outcome = ask(server, request, max_retries=1)
    reason = "the answer is not what was asked for: 'Sure!'"
    assert outcome == Failure("unscored", reason, rejected="Sure!", input_tokens=20, output_tokens=10, tries=2)
    assert len(sent[1]["messages"]) == 3


def test_a_text_at_which_the_reader_fails_is_not_accepted(server: Pretender) -> None:
    answering(server, (200, completion(text="[" * 100_000)))
    outcome = ask(server, Request("m", 9, prompt="x", accepts=lambda text: bool(json.loads(text))), max_retries=0)
    assert isinstance(outcome, Failure) and outcome.rejected == "[" * 100_000


def test_an_optional_field_that_is_refused_is_left_out(server: Pretender) -> None:
    server.behave = lambda _n, body: (400, b"unknown field", {}) if "response_format" in body else None
    outcome = ask(server, Request("m", 9, prompt="x", seed=1, optional={"response_format": {"type": "json_object"}}))
    assert isinstance(outcome, Answer) and len(server.requests) == 2


def test_a_key_is_sent_and_never_said(server: Pretender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEWRIGHT_TEST_KEY", "sk-secret")
    for reply in ((401, b'{"error": {"message": "wrong key sk-secret"}}'), (200, b"sk-secret"), (500, b"sk-secret")):
        answering(server, reply)
        outcome = ask(server, api_key_env="VOICEWRIGHT_TEST_KEY", max_retries=0)
        assert isinstance(outcome, Failure) and "sk-secret" not in repr(outcome) and "***" in outcome.reason
    assert server.keys_sent == {"Bearer sk-secret"}
    server.keys_sent.clear()
    ask(server)
    assert server.keys_sent == {"Bearer none"}


def test_no_more_are_under_way_than_the_settings_say_and_none_is_taken_ahead(server: Pretender) -> None:
    server.delay_s = 0.02
    taken: list[int] = []

    def requests() -> Iterator[Request]:
        for n in range(12):
            taken.append(n)
            yield Request("m", 5, prompt=str(n), seed=n)

    with client(server, concurrency=3) as connection:
        for n, (request, outcome) in enumerate(connection.answers(requests()), 1):
            assert isinstance(outcome, Answer) and outcome.text.startswith(f"answer {request.seed} ")
            assert len(taken) <= n + 2
    assert server.most_at_once == 3 and len(server.requests) == 12


def test_what_is_under_way_when_the_requests_end_is_still_answered(server: Pretender) -> None:
    stopped: list[str] = []

    def requests() -> Iterator[Request]:
        for n in range(100):
            if stopped:
                return
            yield Request("m", 5, prompt=str(n), seed=n)

    with client(server, concurrency=4) as connection:
        outcomes = 0
        for _ in connection.answers(requests()):
            outcomes += 1
            stopped.append("the budget is spent")
    assert outcomes == len(server.requests) == 4


@pytest.mark.parametrize("limit", [{"requests_per_minute": 600}, {"tokens_per_minute": 600 * 53, "concurrency": 1}])
def test_rate_limits_space_the_requests(server: Pretender, limit: dict[str, Any]) -> None:
    began = time.monotonic()
    with client(server, **limit) as connection:
        outcomes = list(connection.answers(Request("m", 1, prompt="x", seed=n) for n in range(5)))
    assert len(outcomes) == 5
    assert time.monotonic() - began >= 0.39


def test_what_is_asked_is_appended_as_it_comes_and_never_asked_again(server: Pretender, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"

    def row(request: Request, outcome: Outcome) -> Row | None:
        if isinstance(outcome, Failure):
            return None
        return Row(id=request.id, text=outcome.text)

    def ask_all(count: int) -> list[Row]:
        requests = [Request("m", 5, prompt=str(n), seed=n, id=f"r{n}") for n in range(count)]
        with client(server) as connection:
            return connection.ask_all(requests, append_to=path, model=Row, key=lambda row: row.id, row=row)

    assert {each.id for each in ask_all(6)} == {f"r{n}" for n in range(6)}
    path.write_bytes(path.read_bytes()[:-5])  # killed in mid-write
    assert len(ask_all(8)) == 8
    assert len(server.requests) == 6 + 1 + 2
    server.behave = lambda _n, body: (400, b"no", {}) if body["seed"] == 8 else None
    assert len(ask_all(9)) == 8
    server.behave = lambda _n, _body: None
    assert len(ask_all(9)) == 9
    assert len(path.read_text().splitlines()) == 9


def test_what_the_row_raises_ends_the_asking_and_keeps_what_came(server: Pretender, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"

    def row(request: Request, outcome: Outcome) -> Row:
        if isinstance(outcome, Failure):
            raise EOFError(outcome.reason)
        return Row(id=request.id, text="x")

    server.behave = lambda n, _body: (400, b"no", {}) if n == 5 else None
    requests = [Request("m", 5, prompt=str(n), seed=n, id=str(n)) for n in range(50)]
    with client(server, concurrency=1) as connection, pytest.raises(EOFError, match="400: no"):
        connection.ask_all(requests, append_to=path, model=Row, key=lambda row: row.id, row=row)
    assert len(path.read_text().splitlines()) == 5 and len(server.requests) == 6


def test_an_answer_can_be_read_as_it_grows(server: Pretender) -> None:
    events = [{"choices": [{"text": text}]} for text in ("You ", "wait", ".")] + [{"choices": []}]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    answering(server, (200, body.encode()), (200, b"data: {\n\n"), (401, b"who?"))
    with client(server) as connection:
        assert list(connection.stream(HELLO)) == ["You ", "wait", ".", ""]
        assert server.requests[0]["stream"] is True
        for reason in ("not the API's JSON", "401: who?"):
            with pytest.raises(EndpointError, match=reason):
                list(connection.stream(HELLO))
        answering(server, (200, b'data: {"choices": [{"delta": {"content": "Yes"}}]}\n\n'))
        assert list(connection.stream(CHAT)) == ["Yes"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
# Answers of the right form but for one value, which may be anything.
NEARLY = st.builds(
    lambda key, value, where: {
        "choices": [{"index": 0, "text": "x", "message": {"content": "x"}, **({key: value} if where else {})}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        **({} if where else {key: value}),
    },
    st.sampled_from(["choices", "usage", "text", "message", "finish_reason", "prompt_logprobs"]),
    JSON | st.builds(lambda value: [value], JSON) | st.builds(lambda value: {"content": value}, JSON),
    st.booleans(),
)
ODD = [
    b"", b"<html><body>502 Bad Gateway</body></html>", b"null", b"[]", b"1" * 5000, b'{"choi', b'{"choices": []}',
    b'{"choices": [{}]}', b'{"choices": [{"text": "\xff\xfe"}]}', b'{"choices": [{"text": "\\ud800"}]}',
]  # fmt: skip
BODIES = (
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-16", "surrogatepass"))
    | (JSON | NEARLY).map(lambda value: json.dumps(value).encode())
    | st.integers(1, 20000).map(lambda depth: b"[" * depth)
    | st.integers(1, 20000).map(lambda depth: b'{"choices":' * depth + b"1" + b"}" * depth)
    | st.sampled_from(ODD)
)
STATUSES = st.sampled_from([200, 200, 200, 201, 302, 400, 401, 404, 429, 500, 502, 599])


@pytest.fixture(scope="module")
def malicious() -> Iterator[tuple[Pretender, Client]]:
    with (
        running(Pretender()) as pretender,
        client(pretender, first_delay_s=0.0001, max_retries=1) as connection,
    ):
        yield pretender, connection


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(status=STATUSES, body=BODIES, request=st.sampled_from([HELLO, CHAT]))
def test_whatever_an_endpoint_sends_is_an_answer_or_a_failure_with_its_reason(
    malicious: tuple[Pretender, Client], status: int, body: bytes, request: Request
) -> None:
    server, connection = malicious
    server.everything = (status, body)
    try:
        outcome = connection.ask(request)
        if isinstance(outcome, Failure):
            assert outcome.kind != "dead" and outcome.reason
        else:
            assert 200 <= status < 300 and isinstance(outcome.text, str)
        for document in (connection.models(), connection.post("/tokenize", {}, Tokens)):
            assert isinstance(document, Failure | list | Tokens)
        try:
            assert all(isinstance(piece, str) for piece in connection.stream(request))
        except EndpointError as error:
            assert error.failure.reason
    finally:
        server.everything = None
