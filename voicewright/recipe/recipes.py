"""Recipes: composed by Hydra, brought within limits, validated, frozen into a run.

`load` is what a stage calls; `compose` is everything before a run exists.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from voicewright.core import paths
from voicewright.core.documents.adaptations import Adaptation
from voicewright.core.documents.base import read_documents
from voicewright.core.errors import UserError, did_you_mean, notice
from voicewright.core.paths import Run
from voicewright.core.records import Appender, content_id, read_json, write_json, write_text
from voicewright.recipe import base_models, limits, validation
from voicewright.recipe.schema import Recipe

Tree = dict[str, Any]
# Of a run's name, which is a folder's: some file systems stop at 255 bytes.
MAX_NAME_LENGTH = 120


@dataclass(frozen=True)
class Composed:
    """A validated recipe, the overrides that it was composed with, and what its limits brought down."""

    recipe: Recipe
    overrides: list[str]
    notices: list[str] = field(default_factory=list)

    def yaml(self) -> str:
        """The frozen form: values are dumped, never copied as text, so that 2e-4 stays a number."""
        return yaml.safe_dump(self.recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def names() -> list[str]:
    """The recipes that exist, by file name."""
    return sorted({path.stem for folder in paths.recipe_dirs() for path in folder.glob("*.yaml")})


@functools.cache
def groups() -> tuple[str, ...]:
    """The config groups: the folders of configs/."""
    return tuple(sorted(path.name for path in paths.CONFIGS_DIR.iterdir() if path.is_dir()))


def choices(group: str) -> list[str]:
    """The files of a config group."""
    return sorted(path.stem for path in (paths.CONFIGS_DIR / group).glob("*.yaml"))


def choice_tree(group: str, choice: str) -> Tree:
    """What a file of a config group says, together with the files that it inherits from."""
    tree: Tree = {}
    for path in reversed([*validation.with_parents(paths.CONFIGS_DIR / group / f"{choice}.yaml")]):
        _merge_into(tree, yaml.safe_load(path.read_text(encoding="utf-8")))
    tree.pop("defaults", None)
    return tree


def _merge_into(tree: Tree, other: Tree) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(tree.get(key), dict):
            _merge_into(tree[key], value)
        else:
            tree[key] = value


def run_name(recipe: str, overrides: list[str]) -> str:
    """The default name of a run: the recipe's, plus a slug of the overrides; a long one ends in a digest of all."""
    full = "-".join([recipe, *overrides])
    slug = "".join(c if c.isalnum() or c in "-_." else "_" for c in full).strip("._")
    return slug if len(slug) <= MAX_NAME_LENGTH else f"{slug[: MAX_NAME_LENGTH - 9]}-{content_id(full, 8)}"


# --- composing


def compose(name: str, overrides: list[str] | None = None, *, run: str | None = None) -> Composed:
    """Compose and validate a recipe.

    `overrides` are `key=value` (Hydra's syntax) or a group choice such as `model=tiny`; `source=path` replaces
    the recipe's sources by one. Raises UserError with every mistake, each with its file, key and what was expected.
    """
    overrides = sorted(overrides or [])
    if name not in names():
        raise UserError(
            f"there is no recipe {name!r}{did_you_mean(name, names())}. Recipes: {', '.join(names())}",
            hint=f"RECIPE={names()[0] if names() else '<name>'}",
        )
    sources = [o.partition("=")[2] for o in overrides if o.startswith("source=")]
    tree, origin, problems = _compose_valid_part(name, [o for o in overrides if not o.startswith("source=")])
    tree["run"] = run or run_name(name, overrides)
    _describe_base_model(tree, origin)
    _start_from_parent(tree, overrides)
    if sources:
        # The new material is read as the recipe's first source was: its shape, its voice, its system prompts.
        first = next(iter(tree["data"]["sources"].values()))
        tree["data"]["sources"] = {"source": {**first, "path": sources[-1]}}
    notices, refusals = limits.apply(tree, explicit=validation.keys_set(overrides))
    if not problems:  # else the limits may be those of another model or machine than was meant
        problems += refusals
    problems += validation.problems(tree, origin.of)
    if problems:
        raise UserError(problems)
    return Composed(Recipe.model_validate(tree), overrides, notices)


def _compose_valid_part(name: str, overrides: list[str]) -> tuple[Tree, validation.Origin, list[str]]:
    """The composed YAML without the overrides that Hydra could not take, and a sentence for each of those."""
    problems = []
    valid = []
    for override in overrides:
        problem = _override_problem(override)
        if problem:
            problems.append(f"SET: {problem}")
        else:
            valid.append(override)
    tree, origin = compose_tree(name, valid)
    return tree, origin, problems


def compose_tree(name: str, overrides: list[str]) -> tuple[Tree, validation.Origin]:
    """A recipe's YAML as Hydra composes it, and where its values came from. Raises UserError."""
    # Imported late: a stage that reads a frozen recipe needs no Hydra.
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    _refuse_unknown_choices(name)
    first, *others = paths.recipe_dirs()
    search = f"hydra.searchpath={[f'file://{folder}' for folder in (*others, paths.CONFIGS_DIR)]}"
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=str(first), version_base="1.3"):
            config = hydra_compose(name, overrides=[search, *map(_hydra_spelling, overrides)], return_hydra_config=True)
        chosen = {g: c for g, c in config.hydra.runtime.choices.items() if g in groups()}
        own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        plain = OmegaConf.to_container(own, resolve=True)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        raise UserError(f"recipes/{name}.yaml: {_one_line(error)}") from None
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}, validation.Origin(name, chosen, overrides)


def _quoted(override: str) -> str:
    """An override whose value Hydra's grammar has no place for (`$5 (net)`, a quote, a line break) as a quoted one."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    key, _, value = override.partition("=")
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        if not value.lstrip().startswith(("[", "{", "'", '"')):
            # There a backslash stands for itself, unless it comes before a quote.
            escaped = re.sub(r"(\\*)('|$)", lambda match: match[1] * 2 + ("\\'" if match[2] else ""), value)
            return f"{key}='{escaped}'"
    return override


def _hydra_spelling(override: str) -> str:
    # `++` adds a key that the recipe does not have, such as one of Axolotl's, and changes one that it has.
    return override if override.partition("=")[0] in groups() else f"++{_quoted(override.lstrip('+'))}"


def _override_problem(override: str) -> str | None:
    """What is wrong with an override by itself: its syntax, several values, or a choice that does not exist."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    key, sign, value = override.partition("=")
    if not sign or not key:
        return f"{override!r} is not key=value, such as axolotl.lora_r=32"
    try:
        parsed = OverridesParser.create().parse_override(_hydra_spelling(override))
    except HydraException as error:
        return f"{override!r}: {_one_line(error)}"
    if parsed.is_sweep_override():
        return f"{override!r} has several values, and a run takes one"
    return _choice_problem(key, value) if key in groups() else None


def _choice_problem(group: str, choice: str) -> str | None:
    options = choices(group)
    if choice in options:
        return None
    return f"{group}={choice}: no such {group}{did_you_mean(choice, options)}. There are: {', '.join(options)}"


def _refuse_unknown_choices(name: str) -> None:
    """Raise UserError for the choices of a recipe's own defaults that do not exist."""
    path = paths.recipe_path(name)
    defaults = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("defaults", [])
    chosen = {str(k): str(v) for default in defaults if isinstance(default, dict) for k, v in default.items()}
    problems = [_choice_problem(group, choice) for group, choice in chosen.items() if group in groups()]
    if any(problems):
        raise UserError([f"recipes/{name}.yaml: {problem}" for problem in problems if problem])


def _one_line(error: Exception) -> str:
    causes = [str(error)] + ([str(error.__cause__)] if error.__cause__ else [])
    return "; ".join(" ".join(line.strip() for line in cause.splitlines() if line.strip()) for cause in causes)


def _describe_base_model(tree: Tree, origin: validation.Origin) -> None:
    """Replace what the chosen model file says, where the recipe or a SET names another base model than it does.

    What the recipe or the SET says of the model stays; so does everything where `model.dimensions` is among it.
    """
    choice = origin.choices.get("model")
    base = tree.get("axolotl", {}).get("base_model")
    if choice is None or not isinstance(base, str):
        return
    file_tree = choice_tree("model", choice)
    if base == file_tree["axolotl"]["base_model"] or not _from_model_file("model.dimensions", origin):
        return
    files = (choice_tree("model", name) for name in choices("model"))
    described = next((file for file in files if file["axolotl"]["base_model"] == base), None)
    described = described or base_models.described(base)
    if described is None:
        return
    for section in ("model", "axolotl", "vllm", "limits"):
        _replace(
            tree.setdefault(section, {}), file_tree.get(section) or {}, described.get(section) or {}, section, origin
        )
    if "lora_target_modules" in tree["axolotl"]:
        tree["axolotl"].pop("lora_target_linear", None)


def _from_model_file(key: str, origin: validation.Origin) -> bool:
    return origin.of(key).startswith("configs/model/")


def _replace(tree: Tree, former: Tree, new: Tree, prefix: str, origin: validation.Origin) -> None:
    """Take out what the model file said and put in what the other says, except what was set elsewhere."""
    for key in {**former, **new}:
        dotted = f"{prefix}.{key}"
        if isinstance(former.get(key), dict) and isinstance(new.get(key), dict) and dotted != "model.dimensions":
            _replace(tree.setdefault(key, {}), former[key], new[key], dotted, origin)
        elif dotted == "axolotl.base_model":
            continue
        elif key not in tree or _from_model_file(dotted, origin):
            tree.pop(key, None)
            if key in new:
                tree[key] = new[key]


def _start_from_parent(tree: Tree, overrides: list[str]) -> None:
    """With `after`, the base model is what that recipe's run merges, on the same model and machine."""
    parent = tree.get("after")
    if not parent or "axolotl.base_model" in validation.keys_set(overrides):
        return
    if parent not in names():
        meant = did_you_mean(parent, names())
        raise UserError(f"after: there is no recipe {parent!r}{meant}. Recipes: {', '.join(names())}")
    merged = Run(run_name(parent, inherited_overrides(overrides))).merged_dir
    inside = merged.is_relative_to(paths.REPO_DIR)
    tree["axolotl"]["base_model"] = str(merged.relative_to(paths.REPO_DIR) if inside else merged)


def inherited_overrides(overrides: list[str]) -> list[str]:
    """The overrides that a run passes on to the run that it comes after: its model and its machine."""
    return sorted(o for o in overrides if o.partition("=")[0] in ("model", "hardware"))


def merge_overrides(earlier: list[str], later: list[str]) -> list[str]:
    """Overrides with later values winning over earlier ones of the same key."""
    by_key = {o.partition("=")[0]: o for o in [*earlier, *later]}
    return sorted(by_key.values())


# --- the recipe of a run


def load(name: str, overrides: list[str] | None = None, *, run: str | None = None) -> Recipe:
    """The recipe of a run: the frozen one if the run exists, otherwise composed and frozen now.

    `name` is a run's or a recipe's. Raises UserError if `overrides` contradict what is frozen.
    """
    exists = Run(name).recipe_path.exists()
    folder = Run(run or (name if exists else run_name(name, sorted(overrides or []))))
    if folder.recipe_path.exists():
        frozen = read_frozen(folder)
        if overrides:
            earlier = frozen_overrides(folder)
            later = merge_overrides(merge_overrides(earlier, overrides), adapted_overrides(folder))
            if compose(frozen.recipe, later, run=folder.name).recipe != frozen:
                raise contradiction(folder, earlier, overrides)
        return frozen
    composed = compose(name, overrides, run=folder.name)
    freeze(composed)
    return composed.recipe


def read_frozen(run: Run) -> Recipe:
    """The frozen recipe of a run. Raises UserError with file and line for what this version does not read."""
    tree = yaml.safe_load(run.recipe_path.read_text(encoding="utf-8"))
    try:
        return Recipe.model_validate(tree)
    except ValidationError:
        lines = validation.key_lines(run.recipe_path)
        problems = validation.schema_problems(tree, lambda key: f"{run.recipe_path}:{lines.get(key, 1)}")
        raise UserError(
            problems, hint=f"write the new names into that file, or begin anew: make clean RUN={run.name}"
        ) from None


def freeze(composed: Composed, user_overrides: list[str] | None = None) -> None:
    """Write a run's recipe, which later stages read, and print a notice of each value that was brought down.

    `user_overrides`: what the user set, where the recipe was composed with more than that (see `adapt`).
    """
    for message in composed.notices:
        notice(message)
    run = Run(composed.recipe.run)
    write_text(run.recipe_path, composed.yaml())
    write_json(run.overrides_path, composed.overrides if user_overrides is None else user_overrides)


def adapt(composed: Composed, user_overrides: list[str], adaptation: Adaptation) -> None:
    """Freeze a run's recipe with more overrides than the user set, and record them and why."""
    with Appender(Run(composed.recipe.run).adapted_path) as record:
        record.append(adaptation.to_json())
    freeze(composed, user_overrides)


def frozen_overrides(run: Run) -> list[str]:
    """The overrides that a run was started with."""
    path = run.overrides_path
    return [str(override) for override in read_json(path)] if path.exists() else []


def adapted_overrides(run: Run) -> list[str]:
    """The overrides that were added to a run when it, or the run it comes after, ran out of memory."""
    path = run.adapted_path
    overrides: list[str] = []
    for adaptation in read_documents(path, Adaptation) if path.exists() else ():
        overrides = merge_overrides(overrides, adaptation.overrides)
    return overrides


def contradiction(run: Run, earlier: list[str], later: list[str]) -> UserError:
    """The refusal to change a run that exists, with the ways out."""
    return UserError(
        f"run {run.name!r} was started with {' '.join(earlier) or 'no SET'}; {' '.join(later)} contradicts it",
        hint=f"RUN={run.name}-2 for a run beside it, or `make clean RUN={run.name}` to begin it anew",
    )


def source_paths(recipe: Recipe) -> dict[str, Path]:
    """Where each source's material lies, relative paths from the repository.

    A source of the user's own that does not exist falls back to the sample it names, so that every shipped recipe
    can be tried without own material; prepare prints a notice.
    """
    by_name: dict[str, Path] = {}
    for name, source in recipe.data.sources.items():
        path = paths.given_path(source.path)
        below_manuscripts = any(
            path.is_relative_to(folder / "manuscripts") for folder in (paths.PROJECT_DIR, paths.REPO_DIR)
        )
        if not path.exists() and not _is_glob(source.path) and below_manuscripts:
            path = paths.given_path(source.sample)
        by_name[name] = path
    return by_name


def _is_glob(path: str) -> bool:
    return any(c in path for c in "*?[")
