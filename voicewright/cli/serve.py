"""Commands that start, use and stop servers of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from voicewright.cli.command import PORT, Number, option, would
from voicewright.cli.running import existing_run, run_command, run_stages
from voicewright.core import processes

if TYPE_CHECKING:
    from voicewright.pipeline.run_selection import RunRequest

SECTION = "Serve"


@run_command("serve", SECTION, "serve RUN=mini", "serve RECIPE=visions ARM=baseline", "serve ARM=production",
             "serve RUNS=visions,brie", "serve FOLDER=merged_models/visions PORT=8004 NAME=judge",
             changes_recipe=True)  # fmt: skip
@option("arm", default="both", help="baseline, finetuned, checkpoints, both, or production: what was deployed last.")
@option("port", type=PORT, help="Another port than the recipe's, for one arm.")
@option("runs", help="Several runs' adapters on the base that they share, with commas between them.")
@option("folder", help="A folder with a model, instead of a run's.")
@option("name", help="The name under which the folder's model answers.")
def serve(
    request: RunRequest, arm: str, port: int | None, runs: str | None, folder: str | None, name: str | None
) -> None:
    """Baseline on 8000, merged model on 8002, on this machine only; a busy port gives way to the next free one."""
    from voicewright.serving.endpoints import up, up_adapters, up_folder

    if runs:
        if not would(f"serve the adapters of {runs}"):
            processes.interruptible()
            up_adapters([name for name in runs.split(",") if name], port=port)
        return
    if arm == "production":
        from voicewright.pipeline.deployment import production_model

        folder = str(production_model())
    elif request.name and "/" in request.name:
        folder = request.name
    if folder:
        if not would(f"serve {folder}"):
            processes.interruptible()
            up_folder(folder, port=port, name=name)
        return
    until = "merge" if arm in ("both", "finetuned") else None
    run = run_stages(until, request, then=f"serve {arm}")
    up(run, arm, port=port)


@run_command("chat", SECTION, "chat RUN=mini", changes_recipe=True)
@option("tokens", type=Number(1), default=200, help="Longest answer in tokens.")
def open_chat(request: RunRequest, tokens: int) -> None:
    """Both models answer, side by side."""
    run = run_stages("merge", request, then="open a chat with both models")
    from voicewright.serving.chat import chat

    chat(run, max_tokens=tokens)


@run_command("stop", SECTION, "stop RUN=mini", "stop RECIPE=visions", "stop PORT=8002", "stop ALL=1")
@option("port", type=PORT, help="The server at a port.")
@option("all", is_flag=True, help="Every server that this project started.")
def stop(request: RunRequest, port: int | None, all: bool) -> None:
    """End the servers of a run, of a recipe's runs, at a port, or all of them."""
    from voicewright.pipeline.run_selection import runs_of
    from voicewright.serving.endpoints import down, print_running

    request = request.resolved()
    if request.recipe and not request.run:
        runs = runs_of(request.recipe)
    else:
        runs = [existing_run(request)] if request.run else []
    if not (runs or request.recipe or port or all):
        print_running()
        raise click.exceptions.Exit(2)
    names = ", ".join(run.name for run in runs)
    if not would(f"stop {names or (f'what is at port {port}' if port else 'every server')}"):
        down(runs if request.recipe or request.run else None, port=port)


COMMANDS = (serve, open_chat, stop)
