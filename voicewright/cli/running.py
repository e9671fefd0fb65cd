"""What the commands that work on a run have in common: which run, and the stages before the command's own work."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from voicewright.cli.command import Command, command, is_dry_run, option, overrides
from voicewright.core import processes
from voicewright.core.errors import UserError, did_you_mean
from voicewright.core.paths import Run

if TYPE_CHECKING:
    from voicewright.pipeline.run_selection import RunRequest

CHECKPOINT = "auto (the lowest evaluation loss), best (what `make checkpoints` chose) or a step"


def run_command(
    name: str, section: str, *examples: str, changes_recipe: bool = False
) -> Callable[[Callable[..., Any]], Command]:
    """Define a command that works on a run; its function is given a RunRequest first.

    With `changes_recipe`, SET, SOURCE and any other `key=value` change the recipe for this run.
    """

    def define(function: Callable[..., Any]) -> Command:
        @functools.wraps(function)
        def with_request(
            target: str | None, recipe: str | None, run: str | None, set: str | None = None, source: str | None = None,
            **options: Any,
        ) -> Any:  # fmt: skip
            from voicewright.pipeline.run_selection import NoRunNamedError, RunRequest

            _check_keys(overrides())
            words = [*split_set(set or ""), *overrides(), *([f"source={source}"] if source else [])]
            try:
                return function(RunRequest(target, recipe, run, words), **options)
            except NoRunNamedError as error:
                usage = [
                    f"usage: {click.get_current_context().find_root().info_name} {example}" for example in examples
                ]
                raise UserError([*error.problems, *usage], hint=error.hint) from None

        decorated: Callable[..., Any] = with_request
        settings = [option("run", envvar="RUN", help="A run, which is enough by itself.")]
        settings += [option("recipe", envvar="RECIPE", help="A recipe: its latest run, or its first.")]
        if changes_recipe:
            settings += [option("set", envvar="SET", help='Values of the recipe: SET="model=tiny eval.samples=2".')]
            settings += [option("source", envvar="SOURCE", help="Other material: a file, a folder or a glob.")]
        for add in reversed(settings):
            decorated = add(decorated)
        decorated = click.argument("target", metavar="[NAME]", required=False, shell_complete=_names)(decorated)
        return command(name, section, *examples, takes_overrides=changes_recipe)(decorated)

    return define


def stage_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that runs stages."""
    function = option("checkpoint", envvar="CHECKPOINT", help=f"The checkpoint to merge: {CHECKPOINT}.")(function)
    return option("force", envvar="FORCE", help="A stage, or an arm, to make again.")(function)


def run_stages(
    target: str | None,
    request: RunRequest,
    *,
    force: str | None = None,
    checkpoint: str | None = None,
    agreed: bool = False,
    then: str = "",
) -> Run:
    """Run the stale stages up to `target` (None for none) of the run that is meant, and return it.

    `agreed` is the user's consent to what the judges cost. In a dry run the stages are shown, with what the command
    itself would do `then`, and the command ends.
    """
    # The library is imported where it is used: `voicewright --help` need not wait for it.
    from voicewright.core.records import write_text
    from voicewright.pipeline.run_selection import select, select_as_it_is
    from voicewright.pipeline.runner import print_dry_run, run_until
    from voicewright.pipeline.stages import stages_until

    stages = stages_until(target) if target else []
    forceable = list(dict.fromkeys(name for stage in stages for name in (stage.name, *stage.arms)))
    if force and force not in forceable:
        raise UserError(f"force={force}: expected one of {', '.join(forceable)}{did_you_mean(force, forceable)}")
    if checkpoint and not (checkpoint in ("auto", "best") or checkpoint.isdigit()):
        raise UserError(f"checkpoint={checkpoint}: expected {CHECKPOINT}")
    processes.interruptible()
    selection = select(request) if target else select_as_it_is(request)
    selection.print_notices()
    if is_dry_run():
        if target:
            print_dry_run(target, selection, force="merge" if checkpoint and not force else force)
        if then:
            click.echo(f"  then would {then}")
        raise click.exceptions.Exit(0)
    if checkpoint:
        write_text(selection.run.choice_path, checkpoint)
    if target:
        run_until(target, selection, force=force, agreed=agreed)
    else:
        selection.begin()
    return selection.run


def existing_run(request: RunRequest) -> Run:
    """The run that is meant, which must exist."""
    from voicewright.pipeline.run_selection import select_existing

    return select_existing(request)


def _check_keys(words: Sequence[str]) -> None:
    """Raise UserError for a word that is neither an option of the command nor a key of a recipe."""
    # Dotted keys are the recipe's: composing checks them, with the file and what was meant.
    keys = [key for key in (word.partition("=")[0].lstrip("+~") for word in words) if "." not in key]
    if not keys:
        return
    from voicewright.recipe import recipes
    from voicewright.recipe.schema import Recipe

    known = [*Recipe.model_fields, *recipes.groups(), "source"]
    command = click.get_current_context().command
    options = list(command.options()) if isinstance(command, Command) else []
    problems = [
        f"{key}=: neither an option of {command.name} nor a key of a recipe{did_you_mean(key, [*options, *known])}"
        for key in keys
        if key not in known
    ]
    if problems:
        raise UserError(problems, hint=f"{click.get_current_context().command_path} --help")


def split_set(text: str) -> list[str]:
    """The overrides of SET, which are separated and quoted as in a shell. Raises UserError for an open quote."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserError(f"SET={text}: {str(error).lower()}", hint='SET="model=tiny axolotl.lora_r=32"') from None


def _names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Completion of a recipe's or a run's name."""
    from voicewright.pipeline.run_selection import run_names
    from voicewright.recipe import recipes

    return sorted({name for name in [*recipes.names(), *run_names()] if name.startswith(incomplete)})
