"""Commands on whole runs, and on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from voicewright.cli.command import command, is_dry_run, would
from voicewright.cli.running import run_command, run_stages, stage_options

if TYPE_CHECKING:
    from voicewright.pipeline.run_selection import RunRequest

RUNS, MACHINE = "Runs", "This machine"


@run_command("all", RUNS, "all RECIPE=visions", 'all RECIPE=visions SET="model=tiny hardware=cpu"', changes_recipe=True)
@stage_options
def all_stages(request: RunRequest, force: str | None, checkpoint: str | None) -> None:
    """Every stage, to the decision and the report."""
    run_stages("report", request, force=force, checkpoint=checkpoint)


@run_command("demo", RUNS, "demo", changes_recipe=True)
@stage_options
def demo(request: RunRequest, force: str | None, checkpoint: str | None) -> None:
    """The whole path with the embedded model and the sample manuscript."""
    from voicewright.pipeline.run_selection import RunRequest

    # Exactly the run of that name: the README speaks of it.
    run = request.run or (None if request.overrides else "demo")
    run_stages("report", RunRequest(None, "demo", run, request.overrides), force=force, checkpoint=checkpoint)


@command("runs", RUNS, "runs")
def runs() -> None:
    """All runs, and how far each is."""
    from voicewright.pipeline.runs import print_runs

    print_runs()


@run_command("clean", RUNS, "clean RUN=mini")
def clean(request: RunRequest) -> None:
    """Remove exactly one run and its merged model."""
    from voicewright.pipeline.runs import remove, run_to_remove

    run = run_to_remove(request)
    if not would(f"remove {run.dir} and {run.merged_dir}"):
        remove(run)


@command("setup", MACHINE, "setup")
def setup() -> None:
    """Build all three environments now; otherwise each is built on first need."""
    from voicewright.core import environments
    from voicewright.pipeline import doctor

    if would(f"build the environments {', '.join(environments.NAMES)}"):
        return
    for name in environments.NAMES:
        environments.python(name)
    sys.exit(doctor.print_findings())


@command("doctor", MACHINE, "doctor")
def doctor() -> None:
    """What this machine has, what is missing, and the command that puts it right."""
    from voicewright.pipeline import doctor

    problems = doctor.print_findings()
    sys.exit(0 if is_dry_run() else problems)


@command("upstream", MACHINE, "upstream")
def upstream() -> None:
    """Export the keys that the pinned Axolotl and vLLM accept."""
    if not would("write the keys that Axolotl and vLLM accept"):
        from voicewright.recipe.upstream import export_keys

        export_keys()


@click.command("help", hidden=True)
@click.pass_context
def help_(ctx: click.Context) -> None:
    """This list."""
    click.echo(ctx.find_root().get_help())


COMMANDS = (all_stages, demo, runs, clean, setup, doctor, upstream, help_)
