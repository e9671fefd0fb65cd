"""Which run a command means, and which recipe it continues with.

- RUN alone: that run, with the recipe that is frozen in it.
- RECIPE alone: the recipe's run that was last worked on, or its first.
- RECIPE with overrides (SET, SOURCE): the run that was begun with exactly these, or a new one.
- RUN with overrides: that run if no finished stage reads what they change, otherwise a new run beside it. A finished
  stage is never replaced without notice.

Selecting writes nothing, so that a dry run can do it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from voicewright.core.documents.manifest import read_manifest
from voicewright.core.errors import UserError, did_you_mean, notice
from voicewright.core.paths import Run, home
from voicewright.pipeline.stages import STAGES
from voicewright.recipe import recipes
from voicewright.recipe.limits import get
from voicewright.recipe.recipes import Composed, merge_overrides
from voicewright.recipe.schema import Recipe

# What a trained model depends on.
TRAINED_WITH = ("axolotl.", "data.", "method")


class NoRunNamedError(UserError):
    """No run and no recipe were named: none is guessed."""

    def __init__(self) -> None:
        super().__init__(
            [
                "which run? There is no default.",
                f"runs: {', '.join(run_names()) or 'none yet'}",
                f"recipes: {', '.join(recipes.names())}",
            ],
            hint="RUN=<run> goes on with a run, RECIPE=<recipe> with that recipe's latest, or begins its first",
        )


@dataclass(frozen=True)
class RunRequest:
    """How a user names the run that a command works on."""

    name: str | None = None
    """A recipe, or a run if no recipe has that name."""
    recipe: str | None = None
    run: str | None = None
    overrides: list[str] = field(default_factory=list)
    """`key=value` in Hydra's syntax, and `source=path`."""

    def resolved(self) -> RunRequest:
        """The request with `name` moved to `recipe` or `run`. Raises UserError if it is neither, or one too many."""
        if not self.name:
            return self
        if (self.recipe and self.run) or (self.recipe and self.name != self.recipe):
            raise UserError(f"{self.name}: the recipe is given already: recipe={self.recipe}")
        if self.name in recipes.names():
            return RunRequest(None, self.name, self.run, self.overrides)
        if self.run:
            raise UserError(f"there is no recipe {self.name!r}{did_you_mean(self.name, recipes.names())}")
        if not Run(self.name).recipe_path.exists():
            meant = did_you_mean(self.name, [*recipes.names(), *run_names()])
            raise UserError(f"there is no recipe and no run {self.name!r}{meant}", hint="make runs lists the runs")
        return RunRequest(None, None, self.name, self.overrides)


@dataclass(frozen=True)
class Selection:
    """A run, its recipe, and what is written and printed when it continues."""

    recipe: Recipe
    overrides: list[str]
    """The overrides that the user set for it."""
    composed: Composed | None = None
    """What is to be frozen into the run; None if its frozen recipe stays."""
    notices: list[str] = field(default_factory=list)

    @property
    def run(self) -> Run:
        return Run(self.recipe.run)

    def begin(self) -> Recipe:
        """Freeze the recipe if it is new or changed, and return it."""
        if self.composed:
            recipes.freeze(self.composed, self.overrides)
        return self.recipe

    def print_notices(self) -> None:
        """Print which run it is and what is new in it."""
        for message in self.notices:
            notice(message)


def select(request: RunRequest) -> Selection:
    """The run that is meant, existing or new. Raises UserError if none is named, or RECIPE and RUN contradict."""
    request = request.resolved()
    if request.run:
        run = Run(request.run)
        if not run.recipe_path.exists():
            if request.recipe is None:
                raise _no_such_run(request.run)
            return _new(request.recipe, request.overrides, run.name)
        _refuse_other_recipe(run, request.recipe)
        return _continued(run, request.overrides)
    if request.recipe:
        return _of_recipe(request.recipe, request.overrides)
    raise NoRunNamedError


def select_as_it_is(request: RunRequest) -> Selection:
    """Like `select`, for what runs no stage: a run that exists keeps the recipe that it was last continued with."""
    request = request.resolved()
    exists = Run(request.run).recipe_path.exists() if request.run else bool(request.recipe and runs_of(request.recipe))
    if exists and not request.overrides:
        run = select_existing(request)
        return Selection(frozen_recipe(run), recipes.frozen_overrides(run))
    return select(request)


def select_existing(request: RunRequest) -> Run:
    """The run that is meant; with a recipe alone, its latest. Raises UserError where there is none."""
    request = request.resolved()
    if request.run:
        run = Run(request.run)
        if not run.recipe_path.exists():
            raise _no_such_run(request.run)
        _refuse_other_recipe(run, request.recipe)
        return run
    if request.recipe:
        runs = runs_of(request.recipe)
        if not runs:
            raise UserError(
                f"there is no run of recipe {request.recipe!r} yet", hint=f"make all RECIPE={request.recipe}"
            )
        if len(runs) > 1 or runs[0].name != request.recipe:
            notice(_latest(runs))
        return runs[0]
    raise NoRunNamedError


def run_names() -> list[str]:
    """The runs that exist, by name."""
    return sorted(path.parent.name for path in (home() / "runs").glob("*/recipe.yaml"))


def runs_of(recipe: str) -> list[Run]:
    """The runs of a recipe, the one that was last worked on first."""

    def last_change(run: Run) -> float:
        return max(path.stat().st_mtime for path in (run.recipe_path, run.manifest_path) if path.exists())

    runs = [run for run in map(Run, run_names()) if recipe_of(run) == recipe]
    return sorted(runs, key=last_change, reverse=True)


def recipe_of(run: Run) -> str:
    """The name of a run's recipe, without reading the rest of it: there may be many runs."""
    line = re.search(r"^recipe:.*$", run.recipe_path.read_text(encoding="utf-8"), re.MULTILINE)
    return str(yaml.safe_load(line[0])["recipe"]) if line else ""


def frozen_recipe(run: Run) -> Recipe:
    """The recipe that a run was last continued with."""
    return Recipe.model_validate(yaml.safe_load(run.recipe_path.read_text(encoding="utf-8")))


def differences(old: Any, new: Any, prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """The dotted keys that differ between two trees, each with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        changed: dict[str, tuple[Any, Any]] = {}
        for key in {**old, **new}:
            changed |= differences(old.get(key), new.get(key), f"{prefix}{key}.")
        return changed
    return {} if old == new else {prefix.rstrip("."): (old, new)}


def _refuse_other_recipe(run: Run, recipe: str | None) -> None:
    own = recipe_of(run)
    if recipe not in (None, own):
        raise UserError(
            f"run {run.name!r} belongs to recipe {own!r}, not to {recipe!r}",
            hint=f"RUN={run.name} alone, or another name for a run of {recipe}",
        )


def _of_recipe(recipe: str, overrides: list[str]) -> Selection:
    runs = runs_of(recipe)
    default = Run(recipes.run_name(recipe, sorted(overrides)))
    if overrides:
        same = [run for run in runs if recipes.frozen_overrides(run) == sorted(overrides)]
        if same:
            notices = [] if same[0].name == default.name else [f"run {same[0].name} was begun with the same SET"]
            return _continued(same[0], [], notices)
        if default.recipe_path.exists():
            return _continued(default, overrides)
        others = [f"other runs of {recipe}: {', '.join(run.name for run in runs)}"] if runs else []
        return _new(recipe, overrides, default.name, others)
    if runs:
        notices = [_latest(runs)] if len(runs) > 1 or runs[0].name != default.name else []
        return _continued(runs[0], [], notices)
    return _new(recipe, [], default.name)


def _latest(runs: list[Run]) -> str:
    others = ", ".join(run.name for run in runs[1:])
    return f"run {runs[0].name}, the latest of {recipe_of(runs[0])}" + (
        f" (RUN= for another: {others})" if others else ""
    )


def _new(recipe: str, overrides: list[str], name: str, notices: list[str] | None = None) -> Selection:
    composed = recipes.compose(recipe, overrides, run=name)
    begun = f"new run {name}: recipe {recipe}" + (f" with {' '.join(sorted(overrides))}" if overrides else "")
    return Selection(composed.recipe, composed.overrides, composed, [begun, *(notices or [])])


def _continued(run: Run, overrides: list[str], notices: list[str] | None = None) -> Selection:
    """A run that exists, with what changed in its recipe's file since, and with more overrides."""
    notices = list(notices or [])
    frozen, earlier, adapted = frozen_recipe(run), recipes.frozen_overrides(run), recipes.adapted_overrides(run)
    if frozen.recipe not in recipes.names():
        if merge_overrides(earlier, overrides) != merge_overrides(earlier, []):
            raise UserError(f"recipes/{frozen.recipe}.yaml is gone, so run {run.name!r} can only be continued as it is")
        return Selection(frozen, earlier, None, notices)
    composed = recipes.compose(frozen.recipe, merge_overrides(earlier, adapted), run=run.name)
    changed = _changes(frozen, composed.recipe)
    if any(run.adapter_dir.glob("checkpoint-*")) and any(key.startswith(TRAINED_WITH) for key in changed):
        raise UserError(
            [f"run {run.name!r} has been trained, and its recipe has changed in what training depends on:"]
            + [f"  {key}: {old} -> {new}" for key, (old, new) in sorted(changed.items())],
            hint=f"make all RECIPE={frozen.recipe} RUN={run.name}-2 keeps both, make clean RUN={run.name} removes it",
        )
    if changed:
        notices.append(f"the recipe has changed: {', '.join(sorted(changed))}; the stages that read it run again")
    current = Selection(composed.recipe, earlier, composed if changed else None, notices)
    later = merge_overrides(earlier, overrides)
    if later == merge_overrides(earlier, []):
        return current
    return _changed_by_user(current, later, merge_overrides(later, adapted), overrides)


def _changed_by_user(current: Selection, later: list[str], composed_of: list[str], overrides: list[str]) -> Selection:
    """A run with more overrides: the same one if no finished stage reads what they change, otherwise a new one."""
    run = current.run
    composed = recipes.compose(current.recipe.recipe, composed_of, run=run.name)
    changed = _changes(current.recipe, composed.recipe)
    if not changed:
        return current
    touched = list(_finished_stages_that_read(run, current.recipe, composed.recipe))
    if not touched:
        taken = f"run {run.name} goes on with {' '.join(sorted(overrides))}, which no finished stage reads"
        return Selection(composed.recipe, later, composed, [*current.notices, taken])
    name = recipes.run_name(run.name, sorted(overrides))
    why = f"{', '.join(sorted(changed))} is what {', '.join(touched)} of run {run.name} came from, so a new run begins"
    if Run(name).recipe_path.exists():
        return _continued(Run(name), overrides)
    return _new(current.recipe.recipe, later, name, [why])


def _finished_stages_that_read(run: Run, old: Recipe, new: Recipe) -> Iterator[str]:
    """The finished stages of a run for which two recipes differ."""
    manifest = read_manifest(run)
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    for stage in STAGES:
        if stage.name in manifest and any(get(before, key) != get(after, key) for key in stage.keys):
            yield stage.name


def _changes(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    return differences(old.model_dump(mode="json"), new.model_dump(mode="json"))


def _no_such_run(name: str) -> UserError:
    known = run_names()
    return UserError(
        f"there is no run {name!r}{did_you_mean(name, known)}. Runs: {', '.join(known) or 'none yet'}",
        hint=f"make all RECIPE=<recipe> RUN={name} begins it",
    )
