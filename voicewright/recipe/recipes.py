"""Recipes: found, composed by Hydra, brought within limits, validated, frozen into a run.

`load` is what a stage calls; `compose` is everything before a run exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from voicewright.core import paths as layout
from voicewright.core.errors import UserError, notice
from voicewright.core.records import Appender, content_id, read_json, read_rows, write_json, write_text
from voicewright.recipe import composition, limits, validation
from voicewright.recipe.schema import Recipe

Tree = dict[str, Any]
# Of a run: it names folders, and some file systems stop at 255 bytes.
LONGEST_NAME = 120


@dataclass(frozen=True)
class Composed:
    """A validated recipe, what was said to get it, and what had to be brought down on the way."""

    recipe: Recipe
    overrides: list[str]
    notices: list[str] = field(default_factory=list)

    def yaml(self) -> str:
        """The frozen form: values dumped, never copied, so that 2e-4 stays a number."""
        return yaml.safe_dump(self.recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def names() -> list[str]:
    """The recipes that exist, by file name."""
    return sorted(path.stem for path in layout.RECIPES_DIR.glob("*.yaml"))


def run_name(recipe: str, overrides: list[str]) -> str:
    """The default name of a run: the recipe's, plus a slug of the overrides; a long one ends in a digest of all."""
    said = "-".join([recipe, *overrides])
    slug = "".join(c if c.isalnum() or c in "-_." else "_" for c in said).strip("._")
    return slug if len(slug) <= LONGEST_NAME else f"{slug[: LONGEST_NAME - 9]}-{content_id(said, 8)}"


def compose(name: str, overrides: list[str] | None = None, *, run: str | None = None) -> Composed:
    """Compose and validate a recipe.

    `overrides` are `key=value` (Hydra's syntax) or a group choice such as `model=tiny`; `source=path` replaces
    the recipe's sources by one. Raises UserError with every mistake found, each with file, key and expectation.
    """
    overrides = sorted(overrides or [])
    if name not in names():
        raise UserError(
            f"there is no recipe {name!r}{validation.did_you_mean(name, names())}. Recipes: {', '.join(names())}",
            hint=f"RECIPE={names()[0] if names() else '<name>'}",
        )
    sources = [o.partition("=")[2] for o in overrides if o.startswith("source=")]
    tree, origin = composition.compose_tree(name, [o for o in overrides if not o.startswith("source=")])
    tree["run"] = run or run_name(name, overrides)
    _start_from_parent(tree, overrides)
    if sources:
        # The new material is read as the recipe's first source was: its shape, its voice, its system prompts.
        first = next(iter(tree["data"]["sources"].values()))
        tree["data"]["sources"] = {"source": {**first, "path": sources[-1]}}
    notices, refused = limits.apply(tree, explicit=validation.keys_set(overrides))
    problems = refused + validation.problems(tree, origin)
    if problems:
        raise UserError(problems)
    return Composed(Recipe.model_validate(tree), overrides, notices)


def _start_from_parent(tree: Tree, overrides: list[str]) -> None:
    """With `after`, the base model is what that recipe's run merges, on the same model and machine."""
    parent = tree.get("after")
    if not parent or "axolotl.base_model" in validation.keys_set(overrides):
        return
    if parent not in names():
        hint = validation.did_you_mean(parent, names())
        raise UserError(f"after: there is no recipe {parent!r}{hint}. Recipes: {', '.join(names())}")
    merged = layout.Run(run_name(parent, same_machine(overrides))).merged_dir
    inside = merged.is_relative_to(layout.REPO_DIR)
    tree["axolotl"]["base_model"] = str(merged.relative_to(layout.REPO_DIR) if inside else merged)


def same_machine(overrides: list[str]) -> list[str]:
    """The overrides that a run passes on to the one it starts from."""
    return sorted(o for o in overrides if o.partition("=")[0] in ("model", "hardware"))


def load(name: str, overrides: list[str] | None = None, *, run: str | None = None) -> Recipe:
    """The recipe of a run: the frozen one if the run has begun, otherwise composed and frozen now.

    `name` is a run's or a recipe's. Raises UserError if `overrides` contradict what is frozen.
    """
    begun = layout.Run(name).recipe_path.exists()
    place = layout.Run(run or (name if begun else run_name(name, sorted(overrides or []))))
    if place.recipe_path.exists():
        frozen = Recipe.model_validate(yaml.safe_load(place.recipe_path.read_text(encoding="utf-8")))
        if overrides:
            said = frozen_overrides(place)
            wanted = compose(frozen.recipe, merge(merge(said, overrides), adapted(place)), run=place.name).recipe
            if wanted != frozen:
                raise contradiction(place, said, overrides)
        return frozen
    composed = compose(name, overrides, run=place.name)
    freeze(composed)
    return composed.recipe


def freeze(composed: Composed, said: list[str] | None = None) -> None:
    """Write a run's recipe, which later stages read, and say what was brought down.

    `said`: what the user set, where the recipe was composed with more than that (see `adapted`).
    """
    for message in composed.notices:
        notice(message)
    place = layout.Run(composed.recipe.run)
    write_text(place.recipe_path, composed.yaml())
    write_json(place.dir / "overrides.json", composed.overrides if said is None else said)


def adapt(composed: Composed, said: list[str], row: Tree) -> None:
    """Freeze a run's recipe with more `overrides` than the user set; `row` holds them and why."""
    with Appender(layout.Run(composed.recipe.run).dir / "adapted.jsonl") as record:
        record.append(row)
    freeze(composed, said)


def frozen_overrides(place: layout.Run) -> list[str]:
    """The overrides that a run was started with."""
    path = place.dir / "overrides.json"
    return [str(o) for o in read_json(path)] if path.exists() else []


def adapted(place: layout.Run) -> list[str]:
    """The overrides that a run took upon itself when it, or the one it comes after, ran out of memory."""
    path = place.dir / "adapted.jsonl"
    found: list[str] = []
    for row in read_rows(path) if path.exists() else ():
        found = merge(found, row["overrides"])
    return found


def merge(earlier: list[str], later: list[str]) -> list[str]:
    """Overrides with later values winning over earlier ones of the same key."""
    by_key = {o.partition("=")[0]: o for o in [*earlier, *later]}
    return sorted(by_key.values())


def contradiction(place: layout.Run, said: list[str], wanted: list[str]) -> UserError:
    """The refusal to change a run half-way, with the ways out."""
    return UserError(
        f"run {place.name!r} was started with {' '.join(said) or 'no SET'}; {' '.join(wanted)} contradicts it",
        hint=f"RUN={place.name}-2 for a run beside it, or `make clean RUN={place.name}` to begin it anew",
    )


def source_paths(recipe: Recipe) -> dict[str, Path]:
    """Where each source's material lies, relative paths from the repository.

    A source of the user's own that is not there falls back to the sample it names, so that every shipped recipe
    can be tried before one has prepared anything; prepare says so.
    """
    paths: dict[str, Path] = {}
    for name, source in recipe.data.sources.items():
        path = layout.REPO_DIR / Path(source.path).expanduser()
        below_manuscripts = path.is_relative_to(layout.REPO_DIR / "manuscripts")
        if not path.exists() and not _is_glob(source.path) and below_manuscripts:
            path = layout.REPO_DIR / source.sample
        paths[name] = path
    return paths


def _is_glob(path: str) -> bool:
    return any(c in path for c in "*?[")
