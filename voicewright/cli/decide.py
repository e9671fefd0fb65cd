"""Commands that decide, report, and put a model to use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from voicewright.cli.command import Number, command, option, spelled_here, would
from voicewright.cli.running import existing_run, run_command, run_stages, stage_options

if TYPE_CHECKING:
    from voicewright.core.paths import Run
    from voicewright.pipeline.run_selection import RunRequest

SECTION = "Decide & publish"


@run_command("decide", SECTION, "decide RUN=mini", changes_recipe=True)
@stage_options
def decide(request: RunRequest, force: str | None, checkpoint: str | None) -> None:
    """Deploy, don't, or not enough evidence yet."""
    run_stages("decide", request, force=force, checkpoint=checkpoint)


@run_command("report", SECTION, "report RUN=mini", changes_recipe=True)
@stage_options
def report(request: RunRequest, force: str | None, checkpoint: str | None) -> None:
    """One page with the decision and its evidence."""
    run_stages("report", request, force=force, checkpoint=checkpoint)


@run_command("compare", SECTION, "compare RUNS=first,second OUT=both.html", "compare RUN=mini")
@option("runs", help="Several runs, with commas between them.")
@option("out", help="The page; without it, compare.html of the first run.")
def compare(request: RunRequest, runs: str | None, out: str | None) -> None:
    """Runs side by side on one page, from what they left on disk."""
    from voicewright.pipeline.run_selection import RunRequest

    named = runs or (request.name if request.name and "," in request.name else "")
    if named:
        names = [existing_run(RunRequest(run=name)).name for name in named.split(",") if name]
    else:
        names = [existing_run(request).name]
    if would(f"write a page that compares {', '.join(names)}"):
        return
    from voicewright.reporting.run_comparison import compare_runs

    click.echo(compare_runs(names, Path(out) if out else None))


@run_command("guide", SECTION, "guide RUN=mini PROMPTS=6", changes_recipe=True)
@option("prompts", type=Number(1), default=6, help="How many prompts with their answers.")
def guide(request: RunRequest, prompts: int) -> None:
    """testers.md: what to load, how to ask, answers to expect, limits, licences."""
    run = run_stages("decide", request, then="write testers.md")
    from voicewright.reporting.testers_guide import write_guide

    click.echo(write_guide(run, prompts))


@run_command("preferences", SECTION, "preferences RUN=mini MARGIN=0.5", changes_recipe=True)
@option("margin", type=click.FloatRange(0, 1), default=0.5, help="How clearly a pair must be decided; 1 is unanimity.")
def preferences(request: RunRequest, margin: float) -> None:
    """Votes to preference pairs, material for the next round."""
    run = run_stages("verdict", request, then="write preferences.jsonl")
    from voicewright.judging.preferences import write_preferences

    rows = write_preferences(run, margin)
    click.echo(f"{len(rows)} preference pairs in {run.preferences_path}")
    click.echo(spelled_here(f"The next round:\n  {next_round(run)}"))


def next_round(run: Run) -> str:
    """The command that trains a run's merged model on its preferences, on the same machine."""
    from voicewright.core.paths import REPO_DIR
    from voicewright.recipe import recipes

    recipe, merged = recipes.load(run.name), run.merged_dir
    changes = [
        *recipes.inherited_overrides(recipes.frozen_overrides(run)),
        "method=dpo",
        "data=preference",
        f"axolotl.base_model={merged.relative_to(REPO_DIR) if merged.is_relative_to(REPO_DIR) else merged}",
        f"data.sources.{next(iter(recipe.data.sources))}.shape=preference",
    ]
    words = [f"RECIPE={recipe.recipe}", f"RUN={run.name}-round2", f"SOURCE={run.preferences_path}"]
    return " ".join(["make all", *words, f'SET="{" ".join(changes)}"'])


@run_command("deploy", SECTION, "deploy RUN=mini", 'deploy RUN=mini ANYWAY="the author likes it"')
@option("anyway", help="The reason for which it is deployed against the decision.")
def deploy(request: RunRequest, anyway: str | None) -> None:
    """Make a run's model the one in production, if the decision says so."""
    from voicewright.pipeline import deployment
    from voicewright.pipeline.run_selection import RunRequest

    run = existing_run(request)
    run = run_stages("decide", RunRequest(run=run.name), then=f"put run {run.name} into production")
    entry = deployment.deploy(run, anyway)
    click.echo(f"in production: {entry.run}, {entry.model}")


@command("rollback", SECTION, "rollback")
def rollback() -> None:
    """Back to the model that was in production before."""
    from voicewright.pipeline import deployment

    if would("take the last deployment back"):
        return
    now = deployment.rollback()
    click.echo(f"in production: {now.run}" if now else "nothing is in production")


@run_command("push", SECTION, "push RUN=mini TO=owner/name", changes_recipe=True)
@option("to", help="owner/name of a private repository on the hub.")
@option("yes", is_flag=True, help="Upload without asking.")
def push(request: RunRequest, to: str | None, yes: bool) -> None:
    """The merged model to a private repository on the hub; asks first."""
    run = run_stages("merge", request, then=f"upload the merged model to {to}")
    from voicewright.training import publishing

    publishing.push(run, to or "", confirmed=yes)


COMMANDS = (decide, report, compare, guide, preferences, deploy, rollback, push)
