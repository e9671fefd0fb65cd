"""Running the stages of a run: which are stale and why, and the manifest entry of each that has finished.

A stage knows nothing of this: it reads its inputs, writes its outputs under a temporary name, renames them and exits
0. Each runs as a child process, so that it can be killed at any moment. Its manifest entry is written last, so that an
entry means done.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from voicewright.core import processes
from voicewright.core.documents.adaptations import Adaptation
from voicewright.core.documents.manifest import ManifestEntry, read_manifest, write_manifest
from voicewright.core.errors import notice
from voicewright.core.paths import PROJECT_DIR, REPO_DIR, Run
from voicewright.core.records import content_id, fingerprint
from voicewright.pipeline.run_selection import RunRequest, Selection, differences, frozen_recipe, select
from voicewright.pipeline.stages import Stage, StageOptions, stages_until
from voicewright.recipe import recipes
from voicewright.recipe.limits import get
from voicewright.recipe.schema import Recipe
from voicewright.recipe.validation import keys_set
from voicewright.training.oom_fallback import RECIPE_CHANGED

MOST_NAMED = 3


@dataclass(frozen=True)
class Provenance:
    """What a stage's result follows from: its version, the recipe's values, the content of its inputs."""

    version: int
    recipe: dict[str, JsonValue]
    inputs: dict[str, str]

    @property
    def identity(self) -> str:
        return content_id({"version": self.version, "recipe": self.recipe, "inputs": self.inputs}, 64)


@dataclass(frozen=True)
class PlannedStage:
    """A stage of a plan, and why it would run; no reason where it is up to date."""

    stage: Stage
    reason: str | None


def provenance(stage: Stage, recipe: Recipe) -> Provenance:
    """What a stage's result would follow from now."""
    tree = recipe.model_dump(mode="json")
    return Provenance(
        stage.version,
        {key: get(tree, key) for key in stage.keys},
        {_relative(path): fingerprint(path)[:16] for path in stage.inputs(Run(recipe.run), recipe)},
    )


def stale_reason(stage: Stage, recipe: Recipe, manifest: Mapping[str, ManifestEntry]) -> str | None:
    """Why a stage has to run, None where it is up to date."""
    entry = manifest.get(stage.name)
    if entry is None:
        return "has not finished yet"
    missing = [_relative(path) for path in stage.outputs(Run(recipe.run), recipe) if not path.exists()]
    if missing:
        return f"{missing[0]} is missing"
    now = provenance(stage, recipe)
    if entry.identity == now.identity:
        return None
    if entry.version != now.version:
        return f"the stage itself has changed: version {entry.version} -> {now.version}"
    changed = differences(entry.recipe, now.recipe)
    if changed:
        return _listed([f"{key}: {old} -> {new}" for key, (old, new) in changed.items()])
    return f"changed: {_listed(list(differences(entry.inputs, now.inputs)))}"


def planned_stages(target: str, recipe: Recipe, *, force: str | None = None) -> list[PlannedStage]:
    """The stages up to `target`, each with the reason for which it would run; nothing is run."""
    manifest = read_manifest(Run(recipe.run))
    planned: list[PlannedStage] = []
    stale = set[str]()
    for stage in stages_until(target):
        reason = "FORCE" if force in (stage.name, *stage.arms) else stale_reason(stage, recipe, manifest)
        before = [name for name in stage.needs if name in stale]
        if before and stage.name in manifest and not reason:
            reason = f"if {' or '.join(before)} changes what it reads"
        if reason:
            stale.add(stage.name)
        planned.append(PlannedStage(stage, reason))
    return planned


def print_dry_run(target: str, selection: Selection, *, force: str | None = None) -> None:
    """Show what running a target would do, the run that it comes after included. Writes nothing."""
    selection = _after_parent(selection, dry_run=True) if target != "render" else selection
    print(f"run {selection.run.name}, recipe {selection.recipe.recipe} (a dry run: nothing is written)")
    for planned in planned_stages(target, selection.recipe, force=force):
        print(f"  {planned.stage.name:<9} {f'would run: {planned.reason}' if planned.reason else 'up to date'}")


def run_until(target: str, selection: Selection, *, force: str | None = None, agreed: bool = False) -> Recipe:
    """Run the stale stages up to and with `target`, those of the run that it comes after first.

    `force` names a stage or an arm to make again; `agreed` is the user's consent to what the judges cost. Returns
    the recipe as the run ended with it. Raises SystemExit with the code of a stage that failed, which has said why, and
    KeyboardInterrupt when interrupted.
    """
    recipe = selection.begin()
    if target != "render":
        recipe = _after_parent(selection, dry_run=False).recipe
    run = selection.run
    all_fresh = True
    for stage in stages_until(target):
        forced = force is not None and force in (stage.name, *stage.arms)
        if not forced and stale_reason(stage, recipe, read_manifest(run)) is None:
            continue
        all_fresh = False
        options = StageOptions(force if force in stage.arms else None, agreed)
        if not _run_stage(stage, recipe, options):
            return run_until(target, Selection(frozen_recipe(run), recipes.frozen_overrides(run)))
    if all_fresh:
        print(f"{run.name}: everything up to {target} is up to date")
    return recipe


def _run_stage(stage: Stage, recipe: Recipe, options: StageOptions) -> bool:
    """Run one stage and enter it in the manifest; False when it changed the recipe instead of finishing."""
    run = Run(recipe.run)
    print(f"--- {stage.name} ({run.name})", flush=True)
    # Taken before the work: an input that changes meanwhile makes the stage stale, as it should.
    before = provenance(stage, recipe)
    began, started_at = time.monotonic(), time.strftime("%Y-%m-%dT%H:%M:%S%z")
    ended = processes.run(stage.command(run, options), cwd=PROJECT_DIR)
    if ended.code == RECIPE_CHANGED:
        return False
    if ended.code:
        raise SystemExit(ended.code)
    outputs = stage.outputs(run, recipe)
    missing = [_relative(path) for path in outputs if not path.exists()]
    if missing:
        raise RuntimeError(f"stage {stage.name} ended well but did not write {', '.join(missing)}")
    entry = ManifestEntry(
        identity=before.identity,
        version=before.version,
        recipe=before.recipe,
        inputs=before.inputs,
        outputs={_relative(path): fingerprint(path)[:16] for path in outputs},
        command=[stage.module, stage.name],
        git=_git_revision(),
        started_at=started_at,
        seconds=round(time.monotonic() - began, 1),
        peak_memory_mb=ended.peak_memory_mb,
    )
    write_manifest(run, read_manifest(run) | {stage.name: entry})
    return True


def _after_parent(selection: Selection, *, dry_run: bool) -> Selection:
    """Run the recipe that this one comes `after`, up to its merged model, on the same model and machine.

    Returns the selection as it goes on: with the parent's model, where memory made the parent fall back to a smaller.
    """
    recipe, run = selection.recipe, selection.run
    overrides = recipes.merge_overrides(selection.overrides, recipes.adapted_overrides(run))
    if recipe.after is None or "axolotl.base_model" in keys_set(overrides):
        return selection
    inherited = recipes.inherited_overrides(overrides)
    parent_run = Run(recipes.run_name(recipe.after, inherited))
    # A parent that exists goes by what was set for it, which may be more than is inherited.
    exists = parent_run.recipe_path.exists()
    parent = select(RunRequest(recipe=recipe.after, run=parent_run.name, overrides=[] if exists else inherited))
    if dry_run:
        print_dry_run("merge", parent)
    else:
        parent.print_notices()
        run_until("merge", parent)
    fallback = [o for o in recipes.adapted_overrides(parent_run) if o.startswith("model=")]
    if not fallback:
        return selection
    added = [*fallback, f"axolotl.base_model={recipe.axolotl['base_model']}"]
    why = f"{parent_run.name} fell back to it"
    notice(f"{parent_run.name} fell back to a smaller model; {run.name} goes on from it: {' '.join(added)}")
    composed = recipes.compose(recipe.recipe, recipes.merge_overrides(overrides, added), run=run.name)
    if not dry_run:
        recipes.adapt(composed, selection.overrides, Adaptation(step="model", overrides=added, why=why))
    return Selection(composed.recipe, selection.overrides)


def _relative(path: Path) -> str:
    """A path as the manifest names it: relative, so that a run can be moved."""
    for base in (Run("x").dir.parent.parent, REPO_DIR):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)


def _listed(items: list[str]) -> str:
    more = f" and {len(items) - MOST_NAMED} more" if len(items) > MOST_NAMED else ""
    return ", ".join(items[:MOST_NAMED]) + more


def _git_revision() -> str | None:
    result = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPO_DIR, capture_output=True, text=True, check=False
    )
    return result.stdout.strip() or None
