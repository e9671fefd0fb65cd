"""Every mistake of a composed recipe at once, each with its file and line, and what was meant.

Hydra (inside a file) and Axolotl both take a misspelt key in silence, so nobody else will catch it.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from voicewright.core.errors import did_you_mean
from voicewright.core.paths import CONFIGS_DIR, RECIPES_DIR, REPO_DIR
from voicewright.recipe.schema import Recipe

Tree = dict[str, Any]
UPSTREAM_DIR = Path(__file__).parent / "upstream_keys"


@dataclass(frozen=True)
class Origin:
    """Where the values of a composed recipe came from."""

    recipe: str
    choices: dict[str, str]
    overrides: list[str]

    def files(self) -> Iterator[Path]:
        """The files that may hold a key, the winning one first."""
        yield from _recipe_and_parents(RECIPES_DIR / f"{self.recipe}.yaml")
        for group, choice in self.choices.items():
            yield CONFIGS_DIR / group / f"{choice}.yaml"
        yield CONFIGS_DIR / "base.yaml"

    def of(self, key: str) -> str:
        """`SET`, or the file and line that says `key`; the recipe's file where none does."""
        if any(key == said or key.startswith(said + ".") for said in keys_set(self.overrides)):
            return "SET"
        for path in self.files():
            line = key_lines(path).get(key)
            if line is not None:
                return f"{path.relative_to(REPO_DIR)}:{line}"
        return f"recipes/{self.recipe}.yaml"


def keys_set(overrides: Iterable[str]) -> list[str]:
    """The dotted keys that overrides name."""
    return [override.partition("=")[0].lstrip("+~") for override in overrides]


def problems(tree: Tree, origin: Origin) -> list[str]:
    """Every mistake in the tree as a sentence; empty when it is valid."""
    found = list(_our_problems(tree, origin))
    for section in ("axolotl", "vllm"):
        block = tree.get(section)
        if isinstance(block, dict):
            found += _unknown_keys(block, upstream_keys(section), section, origin)
    return found


@functools.cache
def upstream_keys(name: str) -> Tree:
    """The keys that the pinned Axolotl or vLLM accepts, nested; exported by `make upstream`."""
    keys: Tree = json.loads((UPSTREAM_DIR / f"{name}.json").read_text(encoding="utf-8"))
    return keys


def _our_problems(tree: Tree, origin: Origin) -> Iterator[str]:
    try:
        Recipe.model_validate(tree)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            key = ".".join(str(part) for part in detail["loc"])
            where = origin.of(key)
            if detail["type"] == "extra_forbidden":
                siblings = _fields_at(detail["loc"][:-1])
                yield f"{where}: {key}: no such key{did_you_mean(str(detail['loc'][-1]), siblings)}"
            elif detail["type"] == "missing":
                yield f"{where}: {key} is missing"
            else:
                said = detail["msg"].removeprefix("Value error, ")
                yield f"{where}: {key}: {said}, found {detail['input']!r:.80}"


def _unknown_keys(block: Tree, known: Tree, prefix: str, origin: Origin) -> Iterator[str]:
    for name, value in block.items():
        key = f"{prefix}.{name}"
        if name not in known:
            yield f"{origin.of(key)}: {key}: no such key{did_you_mean(str(name), known)}"
            continue
        nested = known[name]
        if isinstance(nested, dict):
            items = value if isinstance(value, list) else [value]
            for item in items:
                if isinstance(item, dict):
                    yield from _unknown_keys(item, nested, key, origin)


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


def _recipe_and_parents(path: Path) -> Iterator[Path]:
    yield path
    if not path.exists():
        return
    for default in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("defaults", []):
        if isinstance(default, str) and default not in ("base", "_self_"):
            parent = RECIPES_DIR / f"{default}.yaml"
            if parent.exists() and parent != path:
                yield from _recipe_and_parents(parent)


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
