"""One client for OpenAI-compatible endpoints: deadlines, retries, rate limits, cost, and answers that survive a kill.

    settings = ClientSettings("https://host/v1", api_key_env="HOST_KEY", concurrency=8)
    with Client(settings) as client:
        outcome = client.ask(Request(model="m", messages=[Message(role="user", content="Hello")], max_tokens=20))
        for request, outcome in client.answers(requests):
            ...
        client.ask_all(requests, append_to=path, model=Row, key=lambda row: row.id, row=make_row)

An outcome is an `Answer` or a `Failure`; whatever an endpoint sends, neither is ever a traceback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import time
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

import httpx2
import pydantic_core
import tenacity
from pydantic import BaseModel, ValidationError

from voicewright.core import credentials
from voicewright.core.documents.base import Document, parse
from voicewright.core.documents.endpoint import Completion, CompletionPart, ServedModel, ServedModels
from voicewright.core.records import Appender
from voicewright.core.rows import Message
from voicewright.recipe.schema import EndpointSettings

B = TypeVar("B", bound=BaseModel)
D = TypeVar("D", bound=Document)
R = TypeVar("R", bound="Request")
# A rate limit's Retry-After is honoured up to here.
LONGEST_DELAY_S = 60.0
# Statuses that another try may change; all other 4xx say that the request itself is refused.
TRANSIENT_STATUSES = (408, 409, 425, 429)
CHARACTERS_PER_TOKEN = 4.0
CONNECT_TIMEOUT_S = 30.0
HTTP_ERRORS = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError)
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ClientSettings:
    """Where an endpoint is, how patiently and how fast it is asked, and what its tokens cost."""

    url: str
    """The base URL, usually ending in /v1."""
    api_key_env: str | None = None
    """The environment variable (or line of `.env`) with the key; None for a server that asks for none."""
    timeout_s: float = 600.0
    """Deadline of one try, from its first byte sent to its last byte received."""
    max_retries: int = 5
    """Tries after the first."""
    first_delay_s: float = 0.5
    """Pause before the first retry; doubles with every further one, with jitter, up to LONGEST_DELAY_S."""
    concurrency: int = 8
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    """Of prompts and answers together."""
    price_per_million_input: float = 0.0
    price_per_million_output: float = 0.0
    max_answer_bytes: int = 64 * 2**20

    @classmethod
    def of(cls, settings: EndpointSettings) -> ClientSettings:
        """What a recipe says of an endpoint."""
        return cls(
            url=settings.url or "",
            api_key_env=settings.api_key_env,
            timeout_s=settings.timeout_s,
            max_retries=settings.max_retries,
            first_delay_s=settings.first_delay_s,
            concurrency=settings.concurrency,
            requests_per_minute=settings.requests_per_minute,
            price_per_million_input=settings.price_per_million_input,
            price_per_million_output=settings.price_per_million_output,
        )

    @property
    def root(self) -> str:
        """The address without /v1, where vLLM has what OpenAI's API has not."""
        return self.url.rstrip("/").removesuffix("/v1")

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is on this machine."""
        return self.is_url and urlsplit(self.url).hostname in LOCAL_HOSTS

    @property
    def is_url(self) -> bool:
        """Whether `url` is an http(s) address with a host and, if any, a port that exists."""
        try:
            parts = urlsplit(self.url)
            return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            return False

    def key(self) -> str | None:
        """The API key; None where none is named or the variable is not set."""
        return credentials.find(self.api_key_env) if self.api_key_env else None

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """What these tokens cost, in the currency of the prices."""
        return (input_tokens * self.price_per_million_input + output_tokens * self.price_per_million_output) / 1e6


@dataclass(frozen=True)
class Request:
    """One thing to ask: a raw text (or token ids) to continue, or messages to answer."""

    model: str
    max_tokens: int
    prompt: str | list[int] | None = None
    messages: Sequence[Message] | None = None
    seed: int | None = None
    sampling: Mapping[str, object] | None = None
    """temperature, top_p and other fields of the request, under the API's own names."""
    optional: Mapping[str, object] | None = None
    """Fields that are left out once the endpoint has refused them (response_format)."""
    id: str = ""
    """What the caller knows the request by; `ask_all` asks each id once."""
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    accepts: Callable[[str], bool] | None = None
    """Whether a text is what was asked for; a text that is not is asked for again, as a failed try."""
    repair: str | None = None
    """A user turn that is appended, after the text that was not accepted, when asking again."""

    @property
    def path(self) -> str:
        return "/completions" if self.messages is None else "/chat/completions"

    def body(self) -> dict[str, object]:
        """The request's JSON, without the optional fields."""
        body: dict[str, object] = {"model": self.model, self.token_limit: self.max_tokens}
        if self.messages is None:
            body["prompt"] = self.prompt
        else:
            body["messages"] = [message.to_json() for message in self.messages]
        if self.seed is not None:
            body["seed"] = self.seed
        return {**body, **(self.sampling or {})}

    def is_accepted(self, text: str) -> bool:
        """Whether a text is what was asked for; one at which `accepts` fails (JSON that is nested too deep) is not."""
        try:
            return self.accepts is None or self.accepts(text)
        except (ValueError, RecursionError):
            return False

    def estimated_tokens(self) -> int:
        """Tokens of the prompt, estimated from its characters, and of the longest answer."""
        if isinstance(self.prompt, list):
            return len(self.prompt) + self.max_tokens
        texts = [self.prompt or ""] if self.messages is None else [message.text for message in self.messages]
        return int(sum(map(len, texts)) / CHARACTERS_PER_TOKEN) + self.max_tokens


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered. Tokens are of all tries: those that were not accepted are paid for too."""

    text: str
    completion: Completion
    """The accepted answer as it came."""
    input_tokens: int = 0
    output_tokens: int = 0
    tries: int = 1

    @property
    def finish_reason(self) -> str | None:
        return self.completion.choices[0].finish_reason

    @property
    def completion_tokens(self) -> int | None:
        """Tokens of the accepted answer, where the endpoint says so."""
        return self.completion.usage.completion_tokens if self.completion.usage else None


@dataclass(frozen=True)
class Failure:
    """Why there is no answer after every try that could help."""

    kind: Literal["unscored", "refused", "dead"]
    """unscored: the endpoint answered with an error of its own, too late, or with something else than was asked for.
    refused: it will not answer this request, however often it is asked (a wrong key, a prompt that is too long).
    dead: nothing answers at the address."""
    reason: str
    """In words for a user; an API key in it is masked."""
    status: int | None = None
    """The HTTP status, where there was one."""
    rejected: str | None = None
    """The last text, where `Request.accepts` did not accept it."""
    input_tokens: int = 0
    output_tokens: int = 0
    tries: int = 1


Outcome = Answer | Failure


class EndpointError(Exception):
    """A failure on its way to the caller of a stream."""

    def __init__(self, failure: Failure, *, again: bool = False, delay_s: float | None = None) -> None:
        super().__init__(failure.reason)
        self.failure = failure
        self.again = again
        """Whether another try may help."""
        self.delay_s = delay_s
        """The pause before it; None for the exponential one."""


class Client:
    """A connection to one endpoint, used as a context manager; one thread uses it at a time."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.input_tokens = 0
        self.output_tokens = 0
        self._runner = asyncio.Runner()
        self._key = settings.key()
        self._requests = _Pace(settings.requests_per_minute)
        self._tokens = _Pace(settings.tokens_per_minute)
        self._http: httpx2.AsyncClient | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Cancel what is under way and close the connections."""
        if not self._closed:
            self._closed = True
            if self._http is not None:
                with contextlib.suppress(Exception):
                    self._runner.run(self._http.aclose())
            self._runner.close()

    @property
    def cost(self) -> float:
        """What all answers so far cost, those that were not accepted included."""
        return self.settings.cost(self.input_tokens, self.output_tokens)

    def ask(self, request: Request) -> Outcome:
        """The answer to one request, or why there is none."""
        return self._runner.run(self._ask(request))

    def answers(self, requests: Iterable[R]) -> Generator[tuple[R, Outcome]]:
        """Each request with its outcome, as soon as it comes.

        At most `concurrency` are under way, and no more is taken from `requests` than that: a caller whose iterable
        ends early still gets the outcomes of all that was sent. Closing the iterator cancels them.
        """
        queue = iter(requests)
        running: dict[asyncio.Task[Outcome], R] = {}
        try:
            while True:
                while len(running) < self.settings.concurrency and (request := next(queue, None)) is not None:
                    running[self._runner.get_loop().create_task(self._ask(request))] = request
                if not running:
                    return
                for task in self._runner.run(_first_done(running)):
                    yield running.pop(task), task.result()
        finally:
            for task in running:
                task.cancel()
            if running and not self._closed:
                self._runner.run(asyncio.wait(running))

    def ask_all(
        self,
        requests: Iterable[R],
        *,
        append_to: Path,
        model: type[D],
        key: Callable[[D], str],
        row: Callable[[R, Outcome], D | None],
        progress: Callable[[D], None] = lambda _: None,
    ) -> list[D]:
        """Ask what has no row yet in a JSONL file, append each row as its answer comes; return all rows of the file.

        `key` gives the id of the request that a row answers. `row` makes a row of an outcome; None appends nothing,
        so that the request is asked again next time, and what `row` raises ends the asking. Killed at any moment, the
        next call goes on after the last whole row; a torn one is dropped.
        """
        with Appender(append_to) as file:
            rows = [parse(model, each, f"{append_to}:{n}") for n, each in enumerate(file.rows, 1)]
            known = {key(each) for each in rows}
            missing = {request.id: request for request in requests if request.id not in known}
            with contextlib.closing(self.answers(missing.values())) as outcomes:
                for request, outcome in outcomes:
                    answered = row(request, outcome)
                    if answered is not None:
                        file.append(answered.to_json())
                        rows.append(answered)
                        progress(answered)
        return rows

    def stream(self, request: Request) -> Generator[str]:
        """The pieces of an answer's text as they come. Raises EndpointError; nothing is tried again."""
        parts = self._stream(request)

        async def next_piece() -> str | None:
            return await anext(parts, None)

        try:
            while (piece := self._runner.run(next_piece())) is not None:
                yield piece
        finally:
            if not self._closed:
                self._runner.run(_close(parts))

    def models(self, timeout_s: float | None = None) -> list[ServedModel] | Failure:
        """The models that the endpoint offers."""
        offered = self.get("/models", ServedModels, timeout_s=timeout_s)
        return offered if isinstance(offered, Failure) else offered.data

    def get(self, path: str, model: type[B], *, timeout_s: float | None = None) -> B | Failure:
        """A JSON document below the URL."""
        return self._runner.run(self._document("GET", self._url(path), None, model, timeout_s, 0))

    def post(
        self, path: str, body: Mapping[str, object], model: type[B], *, timeout_s: float | None = None, retries: int = 0
    ) -> B | Failure:
        """The JSON answer to a JSON request to a path of vLLM's own, which is below the address without /v1."""
        return self._runner.run(self._document("POST", self.settings.root + path, body, model, timeout_s, retries))

    def send(
        self, method: str, url: str, body: Mapping[str, object] | None = None, *, timeout_s: float | None = None
    ) -> bytes | Failure:
        """The body of a successful answer at a whole URL, whatever it is; sent once."""

        async def once() -> bytes | Failure:
            try:
                return await self._exchange(method, url, body, timeout_s)
            except EndpointError as error:
                return error.failure

        return self._runner.run(once())

    async def _document(
        self,
        method: str,
        url: str,
        body: Mapping[str, object] | None,
        model: type[B],
        timeout_s: float | None,
        retries: int,
    ) -> B | Failure:
        async def once() -> B:
            return self._parsed(await self._exchange(method, url, body, timeout_s), model)

        try:
            return await _retrying(retries, self.settings.first_delay_s)(once)
        except EndpointError as error:
            return error.failure

    async def _ask(self, request: Request) -> Outcome:
        body, optional = request.body(), request.optional or {}
        tries = input_tokens = output_tokens = 0

        async def once() -> Answer:
            nonlocal optional, tries, input_tokens, output_tokens
            tries += 1
            estimate = request.estimated_tokens()
            await self._requests.wait(1)
            await self._tokens.wait(estimate)
            try:
                data = await self._exchange("POST", self._url(request.path), {**body, **optional})
            except EndpointError as error:
                if optional and error.failure.status in (400, 422):
                    optional, error.again, error.delay_s = {}, True, 0.0
                raise
            completion = self._parsed(data, Completion)
            if usage := completion.usage:
                self._tokens.correct(usage.total - estimate)
                input_tokens += usage.prompt_tokens or 0
                output_tokens += usage.completion_tokens or 0
            text = completion.text(chat=request.messages is not None)
            if text is None:
                raise _unusable("the answer has no text")
            if not request.is_accepted(text):
                if request.repair is not None and request.messages is not None:
                    reply = Message(role="assistant", content=text[:500])
                    repair = Message(role="user", content=request.repair)
                    body["messages"] = [turn.to_json() for turn in (*request.messages, reply, repair)]
                reason = f"the answer is not what was asked for: {text[:80]!r}"
                raise EndpointError(Failure("unscored", reason, rejected=text), again=True, delay_s=0.0)
            return Answer(text, completion, input_tokens, output_tokens, tries)

        try:
            return await _retrying(self.settings.max_retries, self.settings.first_delay_s)(once)
        except EndpointError as error:
            return replace(error.failure, input_tokens=input_tokens, output_tokens=output_tokens, tries=tries)
        finally:
            self.input_tokens += input_tokens
            self.output_tokens += output_tokens

    async def _stream(self, request: Request) -> AsyncGenerator[str]:
        content = json.dumps({**request.body(), **(request.optional or {}), "stream": True}).encode()
        deadline, size = time.monotonic() + self.settings.timeout_s, 0
        try:
            async with self._connection().stream(
                "POST", self._url(request.path), content=content, headers=self._headers(),
                timeout=self.settings.timeout_s,
            ) as response:  # fmt: skip
                if not response.is_success:
                    raise self._status_error(response, await self._read(response))
                async for line in response.aiter_lines():
                    size += len(line)
                    if size > self.settings.max_answer_bytes or time.monotonic() > deadline:
                        raise _unusable("the answer is longer, or takes longer, than the client allows")
                    event = line.removeprefix("data:").strip()
                    if line.startswith("data:") and event != "[DONE]":
                        yield self._parsed(event.encode(), CompletionPart).text
        except HTTP_ERRORS as error:
            raise self._connection_error(error) from None

    async def _exchange(
        self, method: str, url: str, body: Mapping[str, object] | None, timeout_s: float | None = None
    ) -> bytes:
        """The body of a successful answer. Raises EndpointError."""
        timeout_s = timeout_s or self.settings.timeout_s
        # Escaped, so that half a surrogate pair in a prompt is sent as it is.
        content = None if body is None else json.dumps(body).encode()
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._connection().stream(method, url, content=content, headers=self._headers()) as response,
            ):
                data = await self._read(response)
                if not response.is_success:
                    raise self._status_error(response, data)
                return data
        except TimeoutError:
            raise _unusable(f"no answer within {timeout_s:g} seconds") from None
        except HTTP_ERRORS as error:
            raise self._connection_error(error) from None

    async def _read(self, response: httpx2.Response) -> bytes:
        data = bytearray()
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > self.settings.max_answer_bytes:
                raise _unusable(f"the answer has more than {self.settings.max_answer_bytes} bytes")
        return bytes(data)

    def _parsed(self, data: bytes, model: type[B]) -> B:
        try:
            return model.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = "".join(f"{part}: " for part in first["loc"][-1:])
            raise _unusable(
                f"the answer is not the API's JSON ({where}{first['msg'].lower()}): {self._masked(data)[:80]!r}"
            ) from None

    def _status_error(self, response: httpx2.Response, data: bytes) -> EndpointError:
        status = response.status_code
        if response.is_redirect:
            target = response.headers.get("location", "another address")
            return EndpointError(Failure("refused", f"the server redirects to {target}, which is not followed", status))
        message = _error_message(self._masked(data))
        reason = f"the server answered {status}{': ' + message if message else ''}"
        transient = status >= 500 or status in TRANSIENT_STATUSES
        delay_s = _retry_after_s(response.headers.get("retry-after", ""))
        return EndpointError(
            Failure("unscored" if transient else "refused", reason, status), again=transient, delay_s=delay_s
        )

    def _connection_error(self, error: Exception) -> EndpointError:
        if isinstance(error, httpx2.TimeoutException) and not isinstance(error, httpx2.ConnectTimeout):
            return _unusable(f"no answer within {self.settings.timeout_s:g} seconds")
        reason = f"no connection to {self.settings.url} ({str(error) or type(error).__name__})"
        return EndpointError(Failure("dead", reason), again=True)

    def _masked(self, data: bytes) -> str:
        """What a server said, as text without the key: servers quote the key that they refuse."""
        text = data.decode("utf-8", "replace")
        return text.replace(self._key, "***") if self._key else text

    def _connection(self) -> httpx2.AsyncClient:
        if not self.settings.is_url:
            raise EndpointError(Failure("dead", f"{self.settings.url!r} is no URL (expected http://host:port/v1)"))
        if self._http is None:
            self._http = httpx2.AsyncClient(
                timeout=httpx2.Timeout(None, connect=min(CONNECT_TIMEOUT_S, self.settings.timeout_s)),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=self.settings.concurrency),
                follow_redirects=False,
                # A proxy of the environment does not reach this machine, and plain HTTP needs no certificates.
                trust_env=not self.settings.is_local,
                verify=self.settings.url.startswith("https:"),
            )
        return self._http

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key or 'none'}", "Content-Type": "application/json"}

    def _url(self, path: str) -> str:
        return self.settings.url.rstrip("/") + path


class _Pace:
    """At most so many units a minute: each taker waits for its turn."""

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_each = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def wait(self, units: float) -> None:
        now = time.monotonic()
        turn = max(now, self._next)
        self._next = turn + units * self._seconds_each
        await asyncio.sleep(turn - now)

    def correct(self, units: float) -> None:
        """Take more, or give back, once it is known what was used."""
        self._next += units * self._seconds_each


def _retrying(retries: int, first_delay_s: float) -> tenacity.AsyncRetrying:
    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, EndpointError) and error.delay_s is not None:
            return min(error.delay_s, LONGEST_DELAY_S)
        # Many clients must not come back at the same moment.
        return float(min(first_delay_s * 2 ** (state.attempt_number - 1), LONGEST_DELAY_S) * random.uniform(0.5, 1.0))

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, EndpointError) and error.again),
        stop=tenacity.stop_after_attempt(retries + 1),
        wait=wait,
        reraise=True,
    )


async def _first_done(running: Collection[asyncio.Task[Outcome]]) -> set[asyncio.Task[Outcome]]:
    return (await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED))[0]


async def _close(parts: AsyncGenerator[str]) -> None:
    await parts.aclose()


def _unusable(reason: str) -> EndpointError:
    return EndpointError(Failure("unscored", reason), again=True)


def _error_message(body: str) -> str:
    """The words of an error's body, however the server puts them."""
    message: Any = body
    with contextlib.suppress(ValueError):
        message = pydantic_core.from_json(body)
        for name in ("error", "message", "detail"):
            message = message.get(name, message) if isinstance(message, dict) else message
    return " ".join((message if isinstance(message, str) else body)[:200].split())


def _retry_after_s(header: str) -> float | None:
    """The seconds of a Retry-After header, which may be a date; None where there is none to be read."""
    with contextlib.suppress(ValueError):
        seconds = float(header)
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(parsedate_to_datetime(header).timestamp() - time.time(), 0.0)
    return None
