"""Commands that turn a writer's material into training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from voicewright.cli.command import Number, command, is_dry_run, option, overrides, spelled_here
from voicewright.cli.running import run_command, run_stages, split_set, stage_options

if TYPE_CHECKING:
    from voicewright.pipeline.run_selection import RunRequest

SECTION = "Prepare"


@command(
    "new",
    SECTION,
    "new RECIPE=mine SOURCE=manuscripts/my-novel",
    'new RECIPE=mine SOURCE=manuscripts/my-novel SET="hardware=gpu_24gb"',
    takes_overrides=True,
    needs_words=True,
)
@click.argument("target", metavar="[NAME]", required=False)
@option("recipe", envvar="RECIPE", help="The name of the recipe to write.")
@option("source", envvar="SOURCE", help="Your material: a file, a folder or a glob.")
@option("set", envvar="SET", help="The machine, model or method, instead of what fits this machine.")
def new(target: str | None, recipe: str | None, source: str | None, set: str | None) -> None:
    """Write a recipe that fits your material and this machine.

    Looks at the files (which kinds, how much of each) and at the machine, writes recipes/NAME.yaml with every
    choice and its reason, and prints the next command. Nothing is overwritten.
    """
    from voicewright.pipeline.new_recipe import new_recipe

    choices = [*split_set(set or ""), *overrides()]
    summary = new_recipe(target or recipe or "", source or "", choices, dry_run=is_dry_run())
    click.echo(spelled_here(summary))


@run_command("prepare", SECTION, 'prepare RECIPE=visions SET="data.max_tokens=2000"', changes_recipe=True)
@stage_options
def prepare(request: RunRequest, force: str | None, checkpoint: str | None) -> None:
    """Manuscripts to checked, token-bounded, split rows."""
    run_stages("prepare", request, force=force, checkpoint=checkpoint)


@run_command("show", SECTION, "show RUN=mini N=3", changes_recipe=True)
@option("n", type=Number(1), default=3, help="How many rows.")
@option("rows", type=Number(1), hidden=True)
@option("axolotl", is_flag=True, help="Let Axolotl itself read the rows; loading it takes some ten seconds.")
def show(request: RunRequest, n: int, rows: int | None, axolotl: bool) -> None:
    """Training rows as the model sees them; what it only reads is dimmed."""
    run = run_stages("prepare", request, then=f"show {rows or n} rows")
    from voicewright.pipeline.row_display import show_rows

    show_rows(run, rows or n, by_axolotl=axolotl)


@run_command("sample", SECTION, "sample RUN=mini N=15", changes_recipe=True)
@option("n", type=Number(1), default=15, help="How many rows.")
def sample(request: RunRequest, n: int) -> None:
    """Some rows with personal data masked, which can be shown to others."""
    run = run_stages("prepare", request, then=f"write {n} masked rows to sample.jsonl")
    from voicewright.data import preparation

    preparation.write_masked_sample(run, n)


COMMANDS = (new, prepare, show, sample)
