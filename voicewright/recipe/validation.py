"""Every mistake of a composed recipe at once, each with its file and line, and what was meant.

Hydra (inside a file) and Axolotl both take a misspelt key in silence, so nobody else will catch it.
"""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from voicewright.core.errors import did_you_mean
from voicewright.core.paths import CONFIGS_DIR, REPO_DIR, recipe_path
from voicewright.recipe.schema import Recipe

Tree = dict[str, Any]
UPSTREAM_DIR = Path(__file__).parent / "upstream_keys"

_RETRIES = "max_retries, which does not count the first try (3 tries are max_retries: 2)"
# Former spellings and the key, in the same place, that took over. `*` stands for any name; inner keys come first.
RENAMED_KEYS = {
    "model.licence": "license",
    "data.qa.key_variable": "api_key_env",
    "data.qa.tries": _RETRIES,
    "data.qa.wait_s": "first_delay_s",
    "data.qa.price_in": "price_per_million_input",
    "data.qa.price_out": "price_per_million_output",
    "data.expand.key_variable": "api_key_env",
    "data.expand.tries": _RETRIES,
    "data.expand.wait_s": "first_delay_s",
    "data.expand.price_in": "price_per_million_input",
    "data.expand.price_out": "price_per_million_output",
    "data.expand.shown": "example_passages",
    "eval.attempts": _RETRIES,
    "judges.*.key_env": "api_key_env",
    "judges.*.input_price": "price_per_million_input",
    "judges.*.output_price": "price_per_million_output",
    "blind.court.unscored": "max_unscored",
    "blind.court": "judge_qualification",
}
# Axolotl's keys that the launcher sets itself, and why a recipe may not.
LAUNCHER_KEYS = {
    "output_dir": "checkpoints are written to the run's folder adapter/, where every later stage reads them",
    "datasets": "training reads the rows that prepare writes; data.sources names the material",
    "test_datasets": "evaluation reads the rows that prepare writes; data.val_share is their share",
    "val_set_size": "prepare splits by whole chapters; data.val_share is the share",
    "pretraining_dataset": "training reads the rows that prepare writes; data.sources names the material",
    "dataset_prepared_path": "Axolotl's cache lies in the run's folder prepared/, one for each version of the rows",
    "resume_from_checkpoint": "training resumes from the last complete checkpoint by itself",
    "auto_resume_from_checkpoints": "training resumes from the last complete checkpoint by itself",
    "lora_model_dir": "the adapter is trained from its beginning and merged by make merge",
}
Locate = Callable[[str], str]
"""Where a dotted key is set, for people: `file:line`, or `SET`."""


@dataclass(frozen=True)
class Origin:
    """Where the values of a composed recipe came from."""

    recipe: str
    choices: dict[str, str]
    overrides: list[str]

    def files(self) -> Iterator[Path]:
        """The files that may hold a key, the winning one first."""
        yield from with_parents(recipe_path(self.recipe))
        for group, choice in self.choices.items():
            yield from with_parents(CONFIGS_DIR / group / f"{choice}.yaml")
        yield CONFIGS_DIR / "base.yaml"

    def of(self, key: str) -> str:
        """`SET`, or the file and line that says `key`; the recipe's file where none does."""
        if any(f"{key}.".startswith(f"{o}.") or o.startswith(f"{key}.") for o in keys_set(self.overrides)):
            return "SET"
        for path in self.files():
            line = key_lines(path).get(key)
            if line is not None:
                return f"{path.relative_to(REPO_DIR) if path.is_relative_to(REPO_DIR) else path}:{line}"
        return f"recipes/{self.recipe}.yaml"


def keys_set(overrides: Iterable[str]) -> list[str]:
    """The dotted keys that overrides name."""
    return [override.partition("=")[0].lstrip("+~") for override in overrides]


def problems(tree: Tree, locate: Locate) -> list[str]:
    """Every mistake in a composed recipe as a sentence; empty when it is valid."""
    sentences = schema_problems(tree, locate)
    for section in ("axolotl", "vllm"):
        block = tree.get(section)
        if isinstance(block, dict):
            sentences += _unknown_keys(block, upstream_keys(section), section, locate)
    for name, reason in LAUNCHER_KEYS.items():
        if name in (tree.get("axolotl") or {}):
            key = f"axolotl.{name}"
            sentences.append(f"{locate(key)}: {key} is set by the launcher and cannot be set in a recipe: {reason}")
    return sentences


@functools.cache
def upstream_keys(name: str) -> Tree:
    """The keys that the pinned Axolotl or vLLM accepts, nested; exported by `make upstream`."""
    keys: Tree = json.loads((UPSTREAM_DIR / f"{name}.json").read_text(encoding="utf-8"))
    return keys


def schema_problems(tree: Tree, locate: Locate) -> list[str]:
    """Every mistake under our own keys as a sentence."""
    tree = copy.deepcopy(tree)
    sentences = [*_take_renamed_keys(tree, locate)]
    try:
        Recipe.model_validate(tree)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            key = ".".join(str(part) for part in detail["loc"])
            where = locate(key)
            if detail["type"] == "extra_forbidden":
                siblings = _fields_at(detail["loc"][:-1])
                sentences.append(f"{where}: {key}: no such key{did_you_mean(str(detail['loc'][-1]), siblings)}")
            elif detail["type"] == "missing":
                sentences.append(f"{where}: {key} is missing")
            else:
                message = detail["msg"].removeprefix("Value error, ")
                sentences.append(f"{where}: {key}: {message}, found {detail['input']!r:.80}")
    return sentences


def _take_renamed_keys(tree: Tree, locate: Locate) -> Iterator[str]:
    """A sentence for each former spelling, whose value is moved to the new one."""
    for pattern, new in RENAMED_KEYS.items():
        *parents, old = pattern.split(".")
        for prefix, section in _sections(tree, parents):
            if old in section:
                section.setdefault(new.partition(",")[0], section.pop(old))
                yield f"{locate(prefix + old)}: {prefix}{old} is now called {new}"


def _sections(tree: Tree, parts: list[str], prefix: str = "") -> Iterator[tuple[str, Tree]]:
    """The mappings at a dotted path, in which `*` stands for any name, each with its own dotted prefix."""
    if not parts:
        yield prefix, tree
        return
    for name in [*tree] if parts[0] == "*" else [parts[0]]:
        if isinstance(tree.get(name), dict):
            yield from _sections(tree[name], parts[1:], f"{prefix}{name}.")


def _unknown_keys(block: Tree, known: Tree, prefix: str, locate: Locate) -> Iterator[str]:
    for name, value in block.items():
        key = f"{prefix}.{name}"
        if name not in known:
            yield f"{locate(key)}: {key}: no such key{did_you_mean(str(name), known)}"
            continue
        nested = known[name]
        if isinstance(nested, dict):
            items = value if isinstance(value, list) else [value]
            for item in items:
                if isinstance(item, dict):
                    yield from _unknown_keys(item, nested, key, locate)


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    """The field names that the schema has at a place, walking models and mappings of models."""
    model: type[BaseModel] | None = Recipe
    for part in location:
        if model is None:
            return []
        annotation = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        if annotation is not None:
            model, inner = _model_in(annotation), _value_model_in(annotation)
            model = model or inner
    return list(model.model_fields) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _value_model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in `dict[str, Model]` or `Model | None`; the mapping's own key is skipped on the next step."""
    for part in getattr(annotation, "__args__", ()):
        if _model_in(part):
            return _model_in(part)
    return None


def with_parents(path: Path) -> Iterator[Path]:
    """A YAML file, and those of its folder that its defaults name, nearest first."""
    yield path
    if not path.exists():
        return
    for default in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("defaults", []):
        if isinstance(default, str) and default not in ("base", "_self_"):
            parent = path.with_name(f"{default}.yaml")
            if parent.exists() and parent != path:
                yield from with_parents(parent)


@functools.cache
def key_lines(path: Path) -> dict[str, int]:
    """The line of every dotted key in a YAML file."""
    lines: dict[str, int] = {}

    def walk(node: yaml.Node, prefix: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                key = f"{prefix}{key_node.value}"
                lines[key] = key_node.start_mark.line + 1
                walk(value_node, f"{key}.")
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                walk(item, f"{prefix}{index}.")

    if path.exists():
        node = yaml.compose(re.sub(r"\t", " ", path.read_text(encoding="utf-8")))
        if node:
            walk(node, "")
    return lines
