"""Commands that turn a writer's material into training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from voicewright.cli.command import Number, command, option
from voicewright.cli.running import run_command, run_main, run_stages, stage_options, word

if TYPE_CHECKING:
    from voicewright.pipeline.run_selection import RunRequest

SECTION = "Prepare"


@command("new", SECTION, "new RECIPE=mine SOURCE=manuscripts/my-novel", needs_words=True)
@click.argument("target", metavar="[NAME]", required=False)
@option("recipe", envvar="RECIPE", help="The name of the recipe to write.")
@option("source", envvar="SOURCE", help="Your material: a file, a folder or a glob.")
def new(target: str | None, recipe: str | None, source: str | None) -> None:
    """Write a recipe that fits your material and this machine.

    Looks at the files (which kinds, how much of each) and at the machine, writes recipes/NAME.yaml with every
    choice and its reason, and prints the next command. Nothing is overwritten.
    """
    run_main("voicewright.pipeline.new_recipe", target or recipe or "", word("source", source))


@run_command("prepare", SECTION, 'prepare RECIPE=visions SET="data.max_tokens=2000"', changes_recipe=True)
@stage_options
def prepare(request: RunRequest, force: str | None, checkpoint: str | None) -> None:
    """Manuscripts to checked, token-bounded, split rows."""
    run_stages("prepare", request, force=force, checkpoint=checkpoint)


@run_command("show", SECTION, "show RUN=mini ROWS=3", changes_recipe=True)
@option("rows", type=Number(1), default=3, help="How many rows.")
def show(request: RunRequest, rows: int) -> None:
    """Training rows as the model sees them; what it only reads is dimmed."""
    run = run_stages("prepare", request, then=f"show {rows} rows")
    from voicewright.training import row_display

    row_display.show(run, rows)


@run_command("sample", SECTION, "sample RUN=mini N=15", changes_recipe=True)
@option("n", type=Number(1), default=15, help="How many rows.")
def sample(request: RunRequest, n: int) -> None:
    """Some rows with personal data masked, which can be shown to others."""
    run = run_stages("prepare", request, then=f"write {n} masked rows to sample.jsonl")
    from voicewright.data import preparation

    preparation.write_masked_sample(run, n)


COMMANDS = (new, prepare, show, sample)
