"""Talk to the base and the fine-tuned model side by side.

One line in, two answers out; an empty line or Ctrl-D ends it. One vLLM serves the base with the run's adapter; where
both endpoints are up already, or the run has no adapter, the two endpoints are used.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from rich.columns import Columns
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from voicewright.core import processes
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.rows import Message, PromptFormat, read_prompt_format
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.serving import adapters
from voicewright.serving import server as servers
from voicewright.serving.client import Client, ClientSettings, EndpointError, Request
from voicewright.serving.endpoint import API_KEY_ENV
from voicewright.serving.endpoints import while_served

ANSWER_TIMEOUT_S = 600.0


@dataclass
class Voice:
    """A model that answers, and the conversation with it so far."""

    title: str
    client: Client
    model: str
    messages: list[Message] = field(default_factory=list)


def chat(run: Run, *, max_tokens: int = 200) -> None:
    """Read lines and print both models' answers until an empty line; what had to be started for it is stopped."""
    recipe = recipes.load(run.name)
    processes.interruptible()
    with ExitStack() as stack:
        voices = _voices(recipe, stack)
        form = read_prompt_format(run.stats_path) if run.stats_path.exists() else PromptFormat()
        console = Console()
        console.print(f"[bold]{' | '.join(voice.title for voice in voices)}[/bold]  (an empty line ends it)")
        while line := _next_line(console):
            _answer(voices, line, form, recipe, max_tokens, console)


def _voices(recipe: Recipe, stack: ExitStack) -> list[Voice]:
    """Both models, served; what had to be started for it is stopped with `stack`."""

    def voice(title: str, url: str, model: str) -> Voice:
        settings = ClientSettings(url, api_key_env=API_KEY_ENV, timeout_s=ANSWER_TIMEOUT_S)
        return Voice(title, stack.enter_context(Client(settings)), model)

    titles = {"baseline": "base", "finetuned": "fine-tuned"}
    if recipe.serve.engine == "external":
        urls = {arm: recipe.serve.url(arm) for arm in titles}
        return [voice(title, urls[arm], _only_model(urls[arm])) for arm, title in titles.items()]
    up = all(arm in servers.model_names(servers.url_of(recipe, arm)) for arm in titles)
    if not up and adapters.has_adapter(Run(recipe.run)):
        url = stack.enter_context(while_served(recipe, "adapter"))
        return [voice("base", url, "baseline"), voice("fine-tuned", url, "adapter")]
    return [voice(title, stack.enter_context(while_served(recipe, arm)), arm) for arm, title in titles.items()]


def _only_model(url: str) -> str:
    names = servers.model_names(url)
    if not names:
        raise UserError(
            f"nothing answers at {url}",
            hint="start it, or correct serve.baseline_url and serve.finetuned_url in the recipe",
        )
    return names[0]


def _next_line(console: Console) -> str:
    """The next line of the user, empty at the end of input."""
    try:
        return console.input("[bold]> [/bold]") if sys.stdin.isatty() else sys.stdin.readline().strip()
    except EOFError:
        return ""


def _answer(
    voices: Sequence[Voice], line: str, form: PromptFormat, recipe: Recipe, max_tokens: int, console: Console
) -> None:
    """Both models' answers to a line, shown as they grow; plain text where there is no terminal."""
    texts = {voice.title: "" for voice in voices}
    requests = [_request(voice, line, form, recipe, max_tokens) for voice in voices]
    if console.is_terminal:
        with Live(_columns(texts), console=console, refresh_per_second=8) as live:
            for title, piece in _pieces(voices, requests):
                texts[title] += piece
                live.update(_columns(texts))
    else:
        for title, piece in _pieces(voices, requests):
            texts[title] += piece
        for title, text in texts.items():
            print(f"--- {title}\n{text.strip()}", flush=True)
    for voice in voices:
        voice.messages.append(Message(role="assistant", content=texts[voice.title]))


def _request(voice: Voice, line: str, form: PromptFormat, recipe: Recipe, max_tokens: int) -> Request:
    sampling = {key: value for key, value in recipe.model.sampling.model_dump().items() if value is not None}
    voice.messages.append(Message(role="user", content=line))
    if form.is_chat:
        system = [Message(role="system", content=form.system)] if form.system else []
        return Request(voice.model, max_tokens, messages=[*system, *voice.messages], sampling=sampling)
    # A model trained on raw text has no turns: each line is an opening that it continues.
    return Request(voice.model, max_tokens, prompt=line, sampling=sampling)


def _pieces(voices: Sequence[Voice], requests: Sequence[Request]) -> Iterator[tuple[str, str]]:
    """The pieces of all answers, each with its voice's title, by turns. Raises UserError when an endpoint fails."""
    with ExitStack() as stack:
        streams: dict[str, Generator[str]] = {}
        for voice, request in zip(voices, requests, strict=True):
            streams[voice.title] = stack.enter_context(closing(voice.client.stream(request)))
        while streams:
            for voice in voices:
                try:
                    piece = next(streams[voice.title], None) if voice.title in streams else None
                except EndpointError as error:
                    raise UserError(f"{voice.title} at {voice.client.settings.url}: {error}") from None
                if piece is None:
                    streams.pop(voice.title, None)
                else:
                    yield voice.title, piece


def _columns(texts: dict[str, str]) -> Columns:
    # Text() and not a string: what a model writes never counts as markup.
    return Columns([Panel(Text(text), title=title) for title, text in texts.items()], equal=True, expand=True)
