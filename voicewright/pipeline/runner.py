"""Running the stages of the journey: which are done, which are stale, and what is written down of each.

    python -m voicewright.stages TARGET RECIPE [MODULE key=value ...]

runs the stale stages up to TARGET (`none` for none), each as a child process, skips those whose identity has not
changed, and then runs MODULE on the run. What to change comes from the environment, as make passes it: SET, SOURCE,
RUN, FORCE, CHECKPOINT, DRY_RUN.

A stage knows nothing of this: it reads its inputs, writes its outputs under a temporary name, renames them and exits
0. The manifest entry comes last, so that an entry means done.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from voicewright.core import processes
from voicewright.core.documents.adaptations import Adaptation
from voicewright.core.errors import UserError, exits_cleanly, notice
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import content_id, fingerprint, read_json, write_json, write_text
from voicewright.pipeline.stages import Stage, journey
from voicewright.recipe import recipes
from voicewright.recipe.limits import get
from voicewright.recipe.schema import Recipe
from voicewright.recipe.validation import keys_set
from voicewright.training.oom_fallback import RECIPE_CHANGED


def identity(stage: Stage, recipe: Recipe) -> dict[str, Any]:
    """What a stage's result follows from: its version, the recipe's values, the content of its inputs."""
    tree = recipe.model_dump(mode="json")
    run = Run(recipe.run)
    return {
        "version": stage.version,
        "recipe": {key: get(tree, key) for key in stage.keys},
        "inputs": {_short(path): fingerprint(path)[:16] for path in stage.inputs(run)},
    }


def is_done(stage: Stage, recipe: Recipe, manifest: dict[str, Any]) -> bool:
    """Whether the manifest holds this very identity and the outputs are still there."""
    entry = manifest.get(stage.name)
    if entry is None or not all(path.exists() for path in stage.outputs(Run(recipe.run))):
        return False
    return bool(entry["identity"] == content_id(identity(stage, recipe), 64))


def read_manifest(run: Run) -> dict[str, Any]:
    """The run's manifest, by stage; empty before the first."""
    manifest: dict[str, Any] = read_json(run.manifest_path) if run.manifest_path.exists() else {}
    return manifest


def run_until(target: str, recipe: Recipe, *, force: str | None = None, dry_run: bool = False) -> None:
    """Run the stale stages up to and with `target`; `force` names a stage or an arm to do again.

    Raises UserError when a stage fails, naming its log, and KeyboardInterrupt when it was interrupted.
    """
    run = Run(recipe.run)
    fresh = True
    for stage in journey(target):
        forced = force is not None and force in (stage.name, *stage.arms)
        if forced or not is_done(stage, recipe, read_manifest(run)):
            fresh = False
            words = [f"force={force}"] if forced and force in stage.arms else []
            if dry_run:
                print(f"{stage.name}: {' '.join([*stage.command(run), *words])}")
            elif not _run_stage(stage, recipe, words):
                run_until(target, run_parents(recipes.load(run.name)))
                return
    if fresh:
        print(f"{run.name}: everything up to {target} is up to date")


def _run_stage(stage: Stage, recipe: Recipe, words: list[str]) -> bool:
    """Run one stage, with more words for its script, and enter it in the manifest.

    False when it changed the recipe instead of finishing.
    """
    run = Run(recipe.run)
    print(f"--- {stage.name} ({run.name})", flush=True)
    # The identity is taken before the work: an input that changes meanwhile makes the stage stale, as it should.
    before = identity(stage, recipe)
    began, started_at = time.monotonic(), time.strftime("%Y-%m-%dT%H:%M:%S%z")
    ended = processes.run([*stage.command(run), *words], cwd=REPO_DIR)
    if ended.code == RECIPE_CHANGED:
        return False
    if ended.code:
        raise SystemExit(ended.code)
    missing = [_short(path) for path in stage.outputs(run) if not path.exists()]
    if missing:
        raise RuntimeError(f"stage {stage.name} ended well but did not write {', '.join(missing)}")
    manifest = read_manifest(run)
    manifest[stage.name] = {
        "identity": content_id(before, 64),
        **before,
        "outputs": {_short(path): fingerprint(path)[:16] for path in stage.outputs(run)},
        "command": [stage.module, *stage.arguments],
        "git": _git_revision(),
        "started_at": started_at,
        "seconds": round(time.monotonic() - began, 1),
        "peak_memory_mb": ended.peak_memory_mb,
    }
    write_json(run.manifest_path, manifest)
    return True


def _short(path: Path) -> str:
    """A path as the manifest names it: relative, so that a run can be moved."""
    for base in (Run("x").dir.parent.parent, REPO_DIR):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)


def _git_revision() -> str | None:
    result = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPO_DIR, capture_output=True, text=True, check=False
    )
    return result.stdout.strip() or None


def settle(name: str, overrides: list[str], run_name: str | None) -> Recipe:
    """The recipe that a run goes by: composed anew, and compared with what the run was begun with.

    A change that leaves training as it was is taken over with a notice (the stages it touches run again). One
    that would throw a trained model away is refused. Raises UserError.
    """
    run = Run(run_name or recipes.run_name(name, sorted(overrides)))
    said = recipes.frozen_overrides(run) if run.recipe_path.exists() else []
    composed = recipes.compose(
        name, recipes.merge_overrides(overrides or said, recipes.adapted_overrides(run)), run=run.name
    )
    if not run.recipe_path.exists():
        recipes.freeze(composed)
        return composed.recipe
    frozen = recipes.load(run.name)
    if frozen == composed.recipe:
        return frozen
    if overrides and sorted(overrides) != said:
        raise recipes.contradiction(run, said, overrides)
    changed = _differences(frozen.model_dump(mode="json"), composed.recipe.model_dump(mode="json"))
    if "train" in read_manifest(run) and any(key.startswith(("axolotl.", "data.", "method")) for key in changed):
        raise UserError(
            [f"run {run.name!r} is trained, and the recipe has changed since in what training depends on:"]
            + [f"  {key}: {old} -> {new}" for key, (old, new) in sorted(changed.items())],
            hint=f"RUN={run.name}-2 keeps both, `make clean RUN={run.name}` begins anew",
        )
    notice(
        f"the recipe has changed since this run began: {', '.join(sorted(changed))}; what follows from it runs again"
    )
    recipes.freeze(composed, overrides or said)
    return composed.recipe


def run_parents(recipe: Recipe, *, dry_run: bool = False) -> Recipe:
    """Run the recipe that this one comes `after`, up to its merged model, on the same model and machine.

    Returns the recipe as it goes on: with the parent's model, where memory made that one fall back to a smaller.
    """
    run = Run(recipe.run)
    said = recipes.frozen_overrides(run)
    overrides = recipes.merge_overrides(said, recipes.adapted_overrides(run))
    if recipe.after is None or "axolotl.base_model" in keys_set(overrides):
        return recipe
    passed_on = recipes.inherited_overrides(overrides)
    begun = Run(recipes.run_name(recipe.after, passed_on))
    # A parent that has begun goes by what was said for it, which may be more than is passed on.
    parent = settle(recipe.after, [] if begun.recipe_path.exists() else passed_on, begun.name)
    parent = run_parents(parent, dry_run=dry_run)
    run_until("merge", parent, dry_run=dry_run)
    fallen_back = [o for o in recipes.adapted_overrides(Run(parent.run)) if o.startswith("model=")]
    if not fallen_back:
        return recipe
    taken = [*fallen_back, f"axolotl.base_model={recipe.axolotl['base_model']}"]
    notice(f"{parent.run} fell back to a smaller model; {run.name} goes on from it: {' '.join(taken)}")
    composed = recipes.compose(recipe.recipe, recipes.merge_overrides(overrides, taken), run=run.name)
    recipes.adapt(composed, said, Adaptation(step="model", overrides=taken, why=f"{parent.run} fell back to it"))
    return composed.recipe


def _differences(old: Any, new: Any, prefix: str = "") -> dict[str, tuple[Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for key in {**old, **new}:
            found |= _differences(old.get(key), new.get(key), f"{prefix}{key}.")
        return found
    return {} if old == new else {prefix.rstrip("."): (old, new)}


@exits_cleanly
def main() -> None:
    processes.interruptible()
    if len(sys.argv) < 3 or "-h" in sys.argv:
        print(f"{(__doc__ or '').strip()}\n\nusage: TARGET RECIPE [MODULE key=value ...]")
        raise SystemExit(0 if "-h" in sys.argv else 2)
    target, name, *then = sys.argv[1:]
    words = shlex.split(os.environ.get("SET", ""))
    if source := os.environ.get("SOURCE"):
        words.append(f"source={source}")
    recipe = settle(name, words, os.environ.get("RUN") or None)
    run, dry_run = Run(recipe.run), bool(os.environ.get("DRY_RUN"))
    if choice := os.environ.get("CHECKPOINT"):
        write_text(run.choice_path, choice)
    if target not in ("none", "render"):
        recipe = run_parents(recipe, dry_run=dry_run)
    if target != "none":
        run_until(target, recipe, force=os.environ.get("FORCE"), dry_run=dry_run)
    if then:
        command = [sys.executable, "-m", then[0], run.name, *then[1:]]
        if dry_run:
            print(" ".join(command))
        else:
            raise SystemExit(processes.run(command, cwd=REPO_DIR).code)


if __name__ == "__main__":
    main()
