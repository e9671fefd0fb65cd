"""What can be told of a base model before it is downloaded, or within a second where it lies on this disk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from voicewright.core.documents.base import read_documents
from voicewright.core.errors import did_you_mean
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.rows import TrainingRow
from voicewright.recipe import steps
from voicewright.recipe.schema import Recipe

Tree = dict[str, Any]
# Fewer optimiser steps than this teach nothing, whatever the rows.
LEAST_PACKED_STEPS = 10


def local_dir(recipe: Recipe) -> Path | None:
    """The base model's folder, None where it comes from the hub."""
    path = REPO_DIR / Path(str(recipe.axolotl.get("base_model"))).expanduser()
    return path if path.is_dir() else None


def is_ours(name: str) -> bool:
    """Whether a base model's name means a folder of this machine, there already or not: never a question to the hub."""
    return name.startswith(("/", ".", "~", "models/", "merged_models/", "runs/"))


def problems(recipe: Recipe) -> list[str]:
    """Every mistake about the base model and the amount of data, each as a sentence with its fix."""
    found = []
    folder = local_dir(recipe)
    if folder is None:
        found += _of_the_hub(recipe)
    else:
        found += _of_a_folder(recipe, folder)
    length = recipe.axolotl.get("sequence_len")
    if isinstance(length, int) and length > recipe.model.context and "overrides_of_model_config" not in recipe.axolotl:
        most = recipe.model.context
        found.append(f"axolotl.sequence_len {length} is longer than {recipe.model.name}'s context, {most}")
    return found + _of_the_rows(recipe)


def _of_the_hub(recipe: Recipe) -> list[str]:
    name = str(recipe.axolotl.get("base_model"))
    if is_ours(name):
        if recipe.after or recipe.method == "pretrain":
            return []  # made by an earlier step of the same path
        return [f"axolotl.base_model: there is no folder {name}; name one, or a model of the hub as owner/name"]
    if name.count("/") != 1:
        return [f"axolotl.base_model: {name!r} is neither a folder here nor owner/name on the hub"]
    return []


def _of_a_folder(recipe: Recipe, folder: Path) -> list[str]:
    config_path = folder / "config.json"
    if not config_path.exists():
        return [f"{folder}: no config.json, so it is not a model that transformers can load"]
    found = of_the_config(recipe, str(config_path), _document(config_path))
    path = folder / "tokenizer_config.json"
    if not path.exists():
        return [*found, f"{folder}: no tokenizer_config.json"]
    tokenizer = _document(path)
    templated = bool(tokenizer.get("chat_template")) or (folder / "chat_template.jinja").exists()
    found += of_the_tokenizer(recipe, str(path), tokenizer, templated=templated)
    return found + of_the_modules(recipe, tensor_names(folder))


def _document(path: Path) -> Tree:
    document: Tree = json.loads(path.read_text(encoding="utf-8"))
    return document


def of_the_config(recipe: Recipe, where: str, config: Tree) -> list[str]:
    """What is wrong with training a model with this config.json."""
    found = []
    kinds = [str(kind) for kind in config.get("architectures") or []]
    if not any(kind.endswith("ForCausalLM") for kind in kinds):
        found.append(f"{where}: {', '.join(kinds) or 'no architecture'} is not a causal language model")
    length, most = recipe.axolotl.get("sequence_len"), config.get("max_position_embeddings")
    if isinstance(length, int) and isinstance(most, int) and length > most:
        found.append(f"axolotl.sequence_len {length} is longer than the base model's context, {most}")
    return found


def needs_a_template(recipe: Recipe) -> bool:
    """Whether the rows are turns, and the recipe leaves it to the tokenizer how they are put."""
    shapes = {source.row_shape for source in recipe.data.sources.values()}
    return bool(shapes - {"completion"}) and not recipe.axolotl.get("chat_template")


def of_the_tokenizer(recipe: Recipe, where: str, config: Tree, *, templated: bool) -> list[str]:
    """What a tokenizer with this tokenizer_config.json lacks."""
    found = []
    if not (config.get("pad_token") or (recipe.axolotl.get("special_tokens") or {}).get("pad_token")):
        found.append(f"{where}: no pad token; name one that no text spells: axolotl.special_tokens.pad_token=...")
    if needs_a_template(recipe) and not templated:
        found.append(f"{where}: no chat template, and the data has chats; name one: axolotl.chat_template=chatml")
    return found


def of_the_modules(recipe: Recipe, tensors: Iterable[str]) -> list[str]:
    """The modules that an adapter is to go beside and that are not among the model's tensors."""
    wanted = recipe.axolotl.get("lora_target_modules")
    if not isinstance(wanted, list) or not recipe.axolotl.get("adapter"):
        return []
    modules = {key.split(".")[-2] for key in tensors if key.count(".") > 1}
    return [
        f"axolotl.lora_target_modules: the base model has no {name}{did_you_mean(name, modules)}"
        for name in wanted
        if modules and name not in modules
    ]


def tensor_names(folder: Path) -> list[str]:
    """The names of a model's tensors, from the headers of its safetensors files."""
    names = []
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            names += json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return [name for name in names if name != "__metadata__"]


def _of_the_rows(recipe: Recipe) -> list[str]:
    run = Run(recipe.run)
    rows = steps.read_trained_rows(run)
    if not rows:
        return []
    problems = []
    trained = sum(row.tokens for row in rows)
    validation = sum(row.tokens for path in run.row_files("val") for row in read_documents(path, TrainingRow))
    if validation > trained:
        problems.append(
            f"the validation rows ({validation:,} tokens) are more than the training rows ({trained:,}): lower "
            "data.val_share"
        )
    expected = steps.count_steps(recipe, steps.row_lengths(run, rows))
    if recipe.axolotl.get("sample_packing") and expected.total < LEAST_PACKED_STEPS:
        problems.append(
            f"axolotl.sample_packing puts the {len(rows)} training rows into {expected.total} steps, too few to "
            "learn from: axolotl.sample_packing=false"
        )
    return problems
