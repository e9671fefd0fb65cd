"""Talk to the base and the fine-tuned model side by side.

    python -m serve.chat visions
    python -m serve.chat visions tokens=300

One line in, two answers out; an empty line or Ctrl-D ends it. One vLLM serves the base with the run's adapter; where
both endpoints are up already, or the run has no adapter, the two endpoints are used.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import openai
from rich.columns import Columns
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from voicewright.cli import arguments
from voicewright.core import processes
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.core.records import read_json
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.serving import adapters, readiness
from voicewright.serving import server as servers

Show = Callable[[dict[str, str]], None]


@dataclass
class Voice:
    """A model that answers, and what has been said with it so far."""

    title: str
    url: str
    model: str
    messages: list[dict[str, str]] = field(default_factory=list)


@exits_cleanly
def main() -> None:
    target, options = arguments.parse(__doc__, {"tokens": "200"})
    tokens = str(options["tokens"])
    if not tokens.isdigit() or int(tokens) < 1:
        raise UserError(f"tokens={tokens}: expected a whole number of tokens")
    settings = recipes.load(target)
    processes.interruptible()
    with ExitStack() as stack:
        voices = bring_up(settings, stack)
        form = read_format(Run(settings.run))
        console = Console()
        console.print(f"[bold]{' | '.join(voice.title for voice in voices)}[/bold]  (an empty line ends it)")
        while line := ask(console):
            asyncio.run(answer(voices, line, form, settings, int(tokens), console))


def bring_up(settings: Recipe, stack: ExitStack) -> list[Voice]:
    """Both models, served; what had to be started for it is stopped with `stack`."""
    arms = {"baseline": "base", "finetuned": "fine-tuned"}
    urls = {arm: settings.serve.url(arm) for arm in arms}
    up = all(arm in readiness.models(url.removesuffix("/v1")) for arm, url in urls.items())
    if settings.serve.engine == "external":
        return [Voice(title, urls[arm], _only_model(urls[arm])) for arm, title in arms.items()]
    if not up and (Run(settings.run).adapter_dir / adapters.WEIGHTS).exists():
        server, found = adapters.of_run(settings)
        stack.callback(servers.release, server)
        adapters.ensure(server, found, keep=False)
        url = f"{server.root}/v1"
        return [Voice("base", url, server.name), Voice("fine-tuned", url, "adapter")]
    for arm in arms:
        server = servers.of_run(settings, arm)
        stack.callback(servers.release, server)
        servers.ensure(server, keep=False)
    return [Voice(title, urls[arm], arm) for arm, title in arms.items()]


def ask(console: Console) -> str:
    """The next line of the user, empty at the end of input."""
    try:
        return console.input("[bold]> [/bold]") if sys.stdin.isatty() else sys.stdin.readline().strip()
    except EOFError:
        return ""


def read_format(run: Run) -> dict[str, Any]:
    """How a prompt must be put to the model: as `prepare` wrote it down, raw where it has not run."""
    found: dict[str, Any] = read_json(run.stats_path)["format"] if run.stats_path.exists() else {}
    return found


async def answer(
    voices: list[Voice], line: str, form: dict[str, Any], settings: Recipe, tokens: int, console: Console
) -> None:
    """Both models' answers to a line, shown as they grow; plain text where there is no terminal."""
    said = {voice.title: "" for voice in voices}
    sampling = {k: v for k, v in settings.model.sampling.model_dump().items() if v is not None}

    async def one(voice: Voice, show: Show) -> None:
        voice.messages.append({"role": "user", "content": line})
        async for piece in stream(voice, line, form, sampling, tokens):
            said[voice.title] += piece
            show(said)
        voice.messages.append({"role": "assistant", "content": said[voice.title]})

    if console.is_terminal:
        with Live(_columns(said), console=console, refresh_per_second=8) as live:
            await asyncio.gather(*(one(voice, lambda texts: live.update(_columns(texts))) for voice in voices))
    else:
        await asyncio.gather(*(one(voice, lambda _: None) for voice in voices))
        for title, text in said.items():
            print(f"--- {title}\n{text.strip()}", flush=True)


async def stream(
    voice: Voice, line: str, form: dict[str, Any], sampling: dict[str, Any], tokens: int
) -> AsyncIterator[str]:
    """The pieces of an answer as they come. Raises UserError when the endpoint fails."""
    usual = {k: v for k, v in sampling.items() if k in ("temperature", "top_p")}
    shared: dict[str, Any] = {
        "model": voice.model,
        "max_tokens": tokens,
        "stream": True,
        "extra_body": {k: v for k, v in sampling.items() if k not in usual} or None,
        **usual,
    }
    key = os.environ.get("VOICEWRIGHT_API_KEY") or "none"
    try:
        async with openai.AsyncOpenAI(base_url=voice.url, api_key=key) as client:
            if form.get("prompt") == "chat":
                system = [{"role": "system", "content": form["system"]}] if form.get("system") else []
                messages: Any = [*system, *voice.messages]
                async for part in await client.chat.completions.create(messages=messages, **shared):
                    yield (part.choices[0].delta.content or "") if part.choices else ""
            else:
                # A model trained on raw text has no turns: each line is an opening that it continues.
                async for part in await client.completions.create(prompt=line, **shared):
                    yield part.choices[0].text if part.choices else ""
    except openai.OpenAIError as error:
        raise UserError(f"{voice.title} at {voice.url}: {error}") from None


def _columns(said: dict[str, str]) -> Columns:
    # Text() and not a string: what a model writes never counts as markup.
    return Columns([Panel(Text(text), title=title) for title, text in said.items()], equal=True, expand=True)


def _only_model(url: str) -> str:
    offered = readiness.models(url.removesuffix("/v1"))
    if not offered:
        raise UserError(f"nothing answers at {url}", hint="start it, or correct serve.baseline_url and finetuned_url")
    return offered[0]


if __name__ == "__main__":
    main()
