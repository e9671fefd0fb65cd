"""Commands that train, and look at a training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from voicewright.cli.command import Number, command, option, overrides, would
from voicewright.cli.running import existing_run, run_command, run_stages, split_set, stage_options
from voicewright.core import processes
from voicewright.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from voicewright.pipeline.run_selection import RunRequest

SECTION = "Train"


@run_command("plan", SECTION, 'plan RECIPE=visions SET="hardware=gpu_24gb"', changes_recipe=True)
def plan(request: RunRequest) -> None:
    """What a run will take: steps, memory, disk, hours; before anything is downloaded."""
    from voicewright.pipeline.plan import print_plan
    from voicewright.pipeline.run_selection import select

    selection = select(request)
    print_plan(selection.recipe, selection.overrides)


@run_command("render", SECTION, 'render RECIPE=visions SET="axolotl.lora_r=32"', changes_recipe=True)
@stage_options
def render(request: RunRequest, force: str | None, checkpoint: str | None) -> None:
    """recipe.yaml and axolotl.yaml, and nothing else."""
    run_stages("render", request, force=force, checkpoint=checkpoint)


@run_command("train", SECTION, 'train RECIPE=visions SET="model=tiny hardware=cpu"', changes_recipe=True)
@stage_options
def train(request: RunRequest, force: str | None, checkpoint: str | None) -> None:
    """Axolotl, with progress; goes on where it was stopped."""
    run_stages("train", request, force=force, checkpoint=checkpoint)


@run_command("monitor", SECTION, "monitor RUN=mini")
@option("once", is_flag=True, help="Print the curves once and end.")
def monitor(request: RunRequest, once: bool) -> None:
    """A training's curves, rates and time left, from another terminal."""
    run = existing_run(request)
    if would(f"show the training of run {run.name}"):
        return
    from voicewright.training import monitor

    monitor.monitor(run, once=once)


@run_command("merge", SECTION, "merge RUN=mini CHECKPOINT=best", changes_recipe=True)
@stage_options
def merge(request: RunRequest, force: str | None, checkpoint: str | None) -> None:
    """Adapter and base to merged_models/, after a check that they say the same."""
    run_stages("merge", request, force=force, checkpoint=checkpoint)


@run_command("checkpoints", SECTION, "checkpoints RUN=mini", changes_recipe=True)
def checkpoints(request: RunRequest) -> None:
    """Every checkpoint's voice, copying and bits per character, and the one to merge."""
    from voicewright.pipeline.checkpoint_comparison import compare_checkpoints

    compare_checkpoints(run_stages("baseline", request, then="measure every checkpoint"))


@command(
    "sweep",
    SECTION,
    'sweep RECIPE=visions SET="model=tiny axolotl.lora_r=8,16"',
    takes_overrides=True,
    needs_words=True,
)
@click.argument("target", metavar="[NAME]", required=False)
@option("recipe", envvar="RECIPE", help="The recipe.")
@option("set", envvar="SET", help='Values of the recipe, some of them several: SET="axolotl.lora_r=8,16".')
@option("source", envvar="SOURCE", help="Material instead of the recipe's.")
@option("until", default="report", help="The last stage of each run.")
def sweep(target: str | None, recipe: str | None, set: str | None, source: str | None, until: str) -> None:
    """A run for each combination of values, one after the other, and a table of them."""
    from voicewright.pipeline.stages import STAGES
    from voicewright.pipeline.sweep import sweep

    name = target or recipe
    if not name:
        raise UserError("RECIPE is missing", hint='make sweep RECIPE=visions SET="axolotl.lora_r=8,16"')
    words = [*split_set(set or ""), *overrides()]
    # SET may hold it too.
    until = next((word.partition("=")[2] for word in words if word.startswith("until=")), until)
    names = [stage.name for stage in STAGES]
    if until not in names:
        raise UserError(f"until={until}: no such stage{did_you_mean(until, names)}. Stages: {', '.join(names)}")
    words = [word for word in words if not word.startswith("until=")]
    words += [f"source={source}"] if source else []
    if would(f"run {name} with every combination of {' '.join(words)}, up to {until}"):
        return
    processes.interruptible()
    sweep(name, words, until)


@command("base", SECTION, "base TEXTS=manuscripts/novels OUT=models/new-base", needs_words=True)
@click.argument("target", metavar="[NAME]", required=False)
@option("texts", help="A folder of text.")
@option("out", default="models/new-base", help="Where the model is written.")
@option("set", help='Sizes in one word: SET="vocab=8192 hidden=512".')
@option("vocab", type=Number(256), default=4096, help="Entries of the tokenizer.")
@option("hidden", type=Number(32), default=256, help="Width of the model.")
@option("layers", type=Number(1), default=6, help="Layers of the model.")
@option("context", type=Number(32), default=1024, help="Longest row in tokens.")
@option("seed", type=Number(0), default=0, help="Of the weights.")
def base(target: str | None, texts: str | None, out: str, set: str | None, **sizes: int) -> None:
    """An untrained small model and its tokenizer, which method/pretrain starts from."""
    from voicewright.core.paths import REPO_DIR
    from voicewright.training.new_base import BaseSizes, make_base

    folder = texts or target
    if not folder:
        raise UserError(
            "TEXTS is missing: a folder of text", hint="make base TEXTS=manuscripts/novels OUT=models/new-base"
        )
    for override in split_set(set or ""):
        key, _, value = override.partition("=")
        if key not in sizes or not value.isdecimal():
            raise UserError(f"SET: {override}: expected {', '.join(f'{name}=<number>' for name in sizes)}")
        sizes[key] = int(value)
    if not would(f"write an untrained model to {out}"):
        make_base(REPO_DIR / Path(folder).expanduser(), REPO_DIR / out, BaseSizes(**sizes))


@run_command("parity", SECTION, "parity RUN=mini", changes_recipe=True)
@option("url", help="A server of the merged model; without it, one is started meanwhile.")
def parity(request: RunRequest, url: str | None) -> None:
    """Does vLLM say what was merged? The same tokens, asked of the served model."""
    run = run_stages("merge", request, then="compare the served model with the merged one")
    from voicewright.recipe import recipes
    from voicewright.serving.endpoints import while_served
    from voicewright.training.parity import check_served

    if url:
        check_served(run, url)
        return
    with while_served(recipes.load(run.name), "finetuned") as served_url:
        check_served(run, served_url)


COMMANDS = (plan, render, train, monitor, merge, checkpoints, sweep, base, parity)
