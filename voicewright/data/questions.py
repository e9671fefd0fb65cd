"""Asking a model about each of many texts while rows are made; each answer is stored as it comes.

Answers lie in runs/.asked/<generator>.jsonl, by the text that was asked about: a kill loses none, and another recipe
that asks the same model the same pays nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from voicewright.core import progress
from voicewright.core.documents.base import read_documents
from voicewright.core.documents.preparation import AskedText
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import home
from voicewright.core.records import content_id, drop_torn_row
from voicewright.core.rows import Message
from voicewright.data.tokenizers import TokenCounter
from voicewright.recipe.schema import Asking
from voicewright.serving.client import Client, ClientSettings, Failure, Outcome, Request


class EndpointUsage(NamedTuple):
    """What asking took."""

    tokens_in: int
    tokens_out: int
    cost: float
    """In the currency of the recipe's prices."""


@dataclass(frozen=True)
class Model:
    """The model that is asked."""

    name: str
    is_vllm: bool
    """vLLM can hold an answer to a form without blanks."""


@dataclass(frozen=True)
class Task:
    """What is asked about each text, and how."""

    section: str
    """The section of `data` with its settings: qa, expand."""
    what: str
    """What is asked for, in the plural: questions, passages."""
    prompt: str
    """With {text} in the place of the text."""
    max_tokens: int
    """Of an answer."""
    temperature: float
    parse: Callable[[str], list[str]]
    """The texts of an answer; none where it is not what was asked for."""
    form: Callable[[Model], Mapping[str, object]] = lambda _: {}
    """Fields of the request that hold the answer to its form."""

    def message(self, text: str) -> str:
        """The prompt about one text."""
        return self.prompt.replace("{text}", text)


def answers(
    texts: Sequence[str], task: Task, settings: Asking, counter: TokenCounter, name: str, url: str
) -> dict[str, AskedText]:
    """Answers by text: those stored before, and new ones for the others unless enough texts are covered already.

    `url` is where `settings.url` answers now, if it is a server of ours whose port was busy.
    Raises UserError where fewer texts have an answer than `coverage` asks for; the answers that came are stored.
    """
    path = home() / "runs" / ".asked" / f"{generator(task, settings, counter.folder)}.jsonl"
    drop_torn_row(path)
    known = {row.asked: row for row in read_documents(path, AskedText)} if path.exists() else {}
    missing = [text for text in dict.fromkeys(texts) if text not in known]
    if len(missing) > (1 - settings.coverage) * len(texts):
        endpoint = client_settings(task, settings, url)
        tokens_in = sum(counter.count([task.message(text) for text in missing]))
        tokens_out = task.max_tokens * len(missing)
        cost = endpoint.cost(tokens_in, tokens_out)
        notice(
            f"{name}: asking for {task.what} {len(missing)} times at {url}, about {tokens_in:,} tokens in "
            f"and at most {tokens_out:,} out{f', {cost:.2f} at the prices given' if cost else ''}"
        )
        rows = _ask(missing, task, settings, endpoint, path, name)
        known = {row.asked: row for row in rows}
    covered = sum(text in known for text in texts)
    if covered < settings.coverage * len(texts):
        raise UserError(
            f"data.{task.section}: {covered} of {len(texts)} passages have {task.what}, "
            f"fewer than the {settings.coverage:.0%} asked for",
            hint="run prepare again: it goes on from here; if it fails again, look at the endpoint's log",
        )
    return {text: known[text] for text in texts if text in known}


def generator(task: Task, settings: Asking, base_dir: Path) -> str:
    """The identity of what answers: another model or another prompt gives other answers.

    Where the recipe names no model, the model served at the URL is its own base, in `base_dir`.
    """
    return content_id([settings.url, settings.model or str(base_dir), task.prompt])


def client_settings(task: Task, settings: Asking, url: str | None = None) -> ClientSettings:
    """How the endpoint is asked. Raises UserError where it is not on this machine and its key is not set."""
    endpoint = replace(ClientSettings.of(settings), url=url or settings.url)
    if not endpoint.is_local and not endpoint.key():
        raise UserError(
            f"data.{task.section}.url {settings.url} needs a key and {endpoint.api_key_env} is not set",
            hint=f"export {endpoint.api_key_env}=..., or put the line {endpoint.api_key_env}=... into .env",
        )
    return endpoint


def usage(rows: Collection[AskedText], settings: Asking) -> EndpointUsage:
    """Tokens and cost of answers."""
    tokens_in, tokens_out = sum(row.tokens_in for row in rows), sum(row.tokens_out for row in rows)
    cost = ClientSettings.of(settings).cost(tokens_in, tokens_out)
    return EndpointUsage(tokens_in, tokens_out, round(cost, 4))


def _ask(
    texts: Sequence[str], task: Task, settings: Asking, endpoint: ClientSettings, path: Path, name: str
) -> list[AskedText]:
    """Ask about each text and store the answers in `path`; a text on which every try failed has none."""
    failures: list[Failure] = []

    def row(request: Request, outcome: Outcome) -> AskedText | None:
        if isinstance(outcome, Failure):
            failures.append(outcome)
            return None
        return AskedText(
            asked=request.id,
            texts=task.parse(outcome.text),
            tokens_in=outcome.input_tokens,
            tokens_out=outcome.output_tokens,
        )

    with Client(endpoint) as client:
        model = _model(client, task, settings)
        requests = [
            Request(
                model.name,
                task.max_tokens,
                messages=[Message(role="user", content=task.message(text))],
                sampling={"temperature": task.temperature},
                optional=task.form(model),
                id=text,
                accepts=lambda answer: bool(task.parse(answer)),
            )
            for text in texts
        ]
        with progress.bar(f"{name}: {task.what}", len(requests)) as advance:
            rows = client.ask_all(
                requests, append_to=path, model=AskedText, key=lambda row: row.asked, row=row, progress=advance
            )
    if failures:
        notice(f"no {task.what} {len(failures)} time(s), the last because: {failures[-1].reason}")
    return rows


def _model(client: Client, task: Task, settings: Asking) -> Model:
    """The model to ask. Raises UserError where nothing answers."""
    served = client.models()
    listed = [] if isinstance(served, Failure) else served
    is_vllm = bool(listed) and listed[0].owned_by == "vllm"
    if settings.model:
        return Model(settings.model, is_vllm)  # not every service lists its models
    if listed:
        return Model(listed[0].id, is_vllm)
    reason = served.reason if isinstance(served, Failure) else "it lists no model"
    raise UserError(
        f"data.{task.section}.url {settings.url} does not answer ({reason})",
        hint=f"start the server, or name another in data.{task.section}.url",
    )
