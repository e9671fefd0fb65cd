"""What is known of a base model before it is downloaded: its config, tokenizer and tensor names, here or on the hub."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from voicewright.core import hub
from voicewright.core.documents.base import read_documents
from voicewright.core.errors import UserError, did_you_mean
from voicewright.core.paths import Run, given_path
from voicewright.core.rows import TrainingRow
from voicewright.recipe import steps
from voicewright.recipe.schema import Recipe

Tree = dict[str, Any]
# Packed into fewer optimizer steps than this, a set of rows teaches nothing.
MIN_PACKED_STEPS = 10


def base_model_name(recipe: Recipe) -> str:
    """`axolotl.base_model`: a folder, or owner/name on the hub."""
    return str(recipe.axolotl.get("base_model"))


def local_dir(recipe: Recipe) -> Path | None:
    """The base model's folder, None where it comes from the hub."""
    path = given_path(base_model_name(recipe))
    return path if path.is_dir() else None


def is_local_name(name: str) -> bool:
    """Whether a base model's name means a folder of this machine, whether or not it exists yet."""
    return name.startswith(("/", ".", "~", "models/", "merged_models/", "runs/"))


def is_on_disk(recipe: Recipe) -> bool:
    """Whether nothing is downloaded: a folder, one that an earlier recipe makes, or a model in the hub's cache."""
    name = base_model_name(recipe)
    return local_dir(recipe) is not None or is_local_name(name) or hub.is_cached(name)


def problems(recipe: Recipe) -> list[str]:
    """Every mistake about the base model and the amount of data, each as a sentence with its fix."""
    folder = local_dir(recipe)
    sentences = _name_problems(recipe) if folder is None else _folder_problems(recipe, folder)
    length = recipe.axolotl.get("sequence_len")
    if isinstance(length, int) and length > recipe.model.context and "overrides_of_model_config" not in recipe.axolotl:
        sentences.append(
            f"axolotl.sequence_len {length} is longer than {recipe.model.name}'s context, {recipe.model.context}"
        )
    return sentences + _row_problems(recipe)


def _name_problems(recipe: Recipe) -> list[str]:
    name = base_model_name(recipe)
    if is_local_name(name):
        if recipe.after or recipe.method == "pretrain":
            return []  # an earlier recipe or `make base` makes it
        return [f"axolotl.base_model: there is no folder {name}; name one, or a model of the hub as owner/name"]
    if name.count("/") != 1:
        return [f"axolotl.base_model: {name!r} is neither a folder here nor owner/name on the hub"]
    return []


def _folder_problems(recipe: Recipe, folder: Path) -> list[str]:
    config_path = folder / "config.json"
    if not config_path.exists():
        return [f"{folder}: no config.json, so it is not a model that transformers can load"]
    sentences = config_problems(recipe, str(config_path), _read_object(config_path))
    tokenizer_path = folder / "tokenizer_config.json"
    if not tokenizer_path.exists():
        return [*sentences, f"{folder}: no tokenizer_config.json"]
    tokenizer = _read_object(tokenizer_path)
    has_template = bool(tokenizer.get("chat_template")) or (folder / "chat_template.jinja").exists()
    sentences += tokenizer_problems(recipe, str(tokenizer_path), tokenizer, has_template=has_template)
    return sentences + module_problems(recipe, tensor_names(folder))


def _read_object(path: Path) -> Tree:
    tree: Tree = json.loads(path.read_text(encoding="utf-8"))
    return tree


def config_problems(recipe: Recipe, where: str, config: Tree) -> list[str]:
    """What is wrong with training a model with this config.json."""
    sentences = []
    architectures = [str(name) for name in config.get("architectures") or []]
    if not any(name.endswith("ForCausalLM") for name in architectures):
        sentences.append(f"{where}: {', '.join(architectures) or 'no architecture'} is not a causal language model")
    length, context = recipe.axolotl.get("sequence_len"), config.get("max_position_embeddings")
    if isinstance(length, int) and isinstance(context, int) and length > context:
        sentences.append(f"axolotl.sequence_len {length} is longer than the base model's context, {context}")
    return sentences


def needs_template(recipe: Recipe) -> bool:
    """Whether the rows are messages, and the recipe leaves their template to the tokenizer."""
    shapes = {source.row_shape for source in recipe.data.sources.values()}
    return bool(shapes - {"completion"}) and not recipe.axolotl.get("chat_template")


def tokenizer_problems(recipe: Recipe, where: str, config: Tree, *, has_template: bool) -> list[str]:
    """What a tokenizer with this tokenizer_config.json lacks."""
    sentences = []
    if not (config.get("pad_token") or (recipe.axolotl.get("special_tokens") or {}).get("pad_token")):
        sentences.append(f"{where}: no pad token; name one that no text spells: axolotl.special_tokens.pad_token=...")
    if needs_template(recipe) and not has_template:
        sentences.append(f"{where}: no chat template, and the data has chats; name one: axolotl.chat_template=chatml")
    return sentences


def module_problems(recipe: Recipe, tensors: Iterable[str]) -> list[str]:
    """The adapter's target modules that are not among the model's tensors."""
    targets = recipe.axolotl.get("lora_target_modules")
    if not isinstance(targets, list) or not recipe.axolotl.get("adapter"):
        return []
    modules = {key.split(".")[-2] for key in tensors if key.count(".") > 1}
    return [
        f"axolotl.lora_target_modules: the base model has no {name}{did_you_mean(name, modules)}"
        for name in targets
        if modules and name not in modules
    ]


def tensor_names(folder: Path) -> list[str]:
    """The names of a model's tensors, from the headers of its safetensors files."""
    from huggingface_hub import parse_local_safetensors_file_metadata  # imported late: it takes half a second

    paths = sorted(folder.glob("*.safetensors"))
    return [name for path in paths for name in parse_local_safetensors_file_metadata(path).tensors]


def _row_problems(recipe: Recipe) -> list[str]:
    run = Run(recipe.run)
    rows = steps.read_trained_rows(run)
    if not rows:
        return []
    sentences = []
    trained = sum(row.tokens for row in rows)
    validation = sum(row.tokens for path in run.row_files("val") for row in read_documents(path, TrainingRow))
    if validation > trained:
        sentences.append(
            f"the validation rows ({validation:,} tokens) are more than the training rows ({trained:,}): lower "
            "data.val_share"
        )
    expected = steps.count_steps(recipe, steps.row_lengths(run, rows))
    if recipe.axolotl.get("sample_packing") and expected.total < MIN_PACKED_STEPS:
        sentences.append(
            f"axolotl.sample_packing puts the {len(rows)} training rows into {expected.total} steps, too few to "
            "learn from: axolotl.sample_packing=false"
        )
    return sentences


# --- the hub


def check_hub(recipe: Recipe) -> None:
    """Ask the hub for a few small files before gigabytes are downloaded.

    Raises UserError if the base model has to be downloaded and cannot be, or is not one that can be trained so.
    """
    from huggingface_hub import is_offline_mode

    if is_on_disk(recipe) or is_offline_mode() or os.environ.get("HF_HUB_OFFLINE"):
        return
    name = base_model_name(recipe)
    sentences: list[str] = []
    try:
        config_path = hub.fetch_file(name, "config.json")
        if config_path is None:
            raise UserError(f"{name}: no config.json on the hub, so it is not a model that transformers can load")
        sentences += config_problems(recipe, name, _read_object(config_path))
        if tokenizer_path := hub.fetch_file(name, "tokenizer_config.json"):
            tokenizer = _read_object(tokenizer_path)
            has_template = not needs_template(recipe) or "chat_template" in tokenizer
            sentences += tokenizer_problems(recipe, name, tokenizer, has_template=has_template or _has_jinja(name))
        sentences += module_problems(recipe, hub.tensor_names(name))
    except hub.HubUnreachableError:
        pass
    if sentences:
        raise UserError(sentences)


def _has_jinja(name: str) -> bool:
    """Whether a model's folder on the hub has a template of its own; True where that cannot be found out."""
    try:
        return hub.fetch_file(name, "chat_template.jinja") is not None
    except hub.HubUnreachableError:
        return True
