"""What a base model without a file in configs/model/ says of itself: size, license, context, template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from voicewright.core import hub
from voicewright.core.errors import UserError
from voicewright.core.paths import given_path

Tree = dict[str, Any]
UNKNOWN_LICENSE = "unknown"
LOCAL_PREFIXES = ("/", ".", "~", "models/", "merged_models/", "runs/")


def is_local_name(name: str) -> bool:
    """Whether a base model's name means a folder of this machine, whether or not it exists yet."""
    return name.startswith(LOCAL_PREFIXES) or name.count("/") != 1 or given_path(name).is_dir()


def described(name: str) -> Tree | None:
    """The `model`, `axolotl`, `vllm` and `limits` sections for a base model, from its own files.

    `name`: a folder, or owner/name on the hub. None where a folder does not exist yet, or its config.json does not
    tell the model's size; later checks name what is wrong with it. Raises UserError where the hub gives no config.
    """
    config = _read(name, "config.json")
    config = {**config, **(config.get("text_config") or {})}
    dimensions = _dimensions(name, config)
    if dimensions is None:
        return None
    tokenizer = _read(name, "tokenizer_config.json")
    template = str(tokenizer.get("chat_template") or _text(name, "chat_template.jinja"))
    license_name, gated = _license(name)
    context = int(config.get("max_position_embeddings") or config.get("n_positions") or 2048)
    # Thinking is switched off where a template has the switch, in training and in serving alike.
    kwargs = {"enable_thinking": False} if "enable_thinking" in template else None
    drawn_with = _read(name, "generation_config.json")
    return {
        "model": {
            "name": Path(name).name,
            "license": license_name,
            "gated": gated,
            "chat": bool(template),
            "context": context,
            "thinking": None if kwargs is None else False,
            "dimensions": dimensions,
            "sampling": {key: drawn_with[key] for key in ("temperature", "top_p", "top_k") if drawn_with.get(key)},
        },
        "axolotl": {"lora_target_linear": True, **({"chat_template_kwargs": kwargs} if kwargs else {})},
        "vllm": {"default_chat_template_kwargs": kwargs} if kwargs else {},
        "limits": {"model": {"at_most": {"axolotl.sequence_len": context, "vllm.max_model_len": context}}},
    }


def _dimensions(name: str, config: Tree) -> Tree | None:
    """The shape of the decoder; GPT-2's and GPT-J's configs have names of their own. None where sizes are missing."""
    sizes = [config.get(a) or config.get(b) for a, b in (
        ("hidden_size", "n_embd"), ("num_hidden_layers", "n_layer"), ("num_attention_heads", "n_head"),
        ("vocab_size", "vocab_size"),
    )]  # fmt: skip
    if not all(isinstance(size, int) for size in sizes):
        return None
    hidden, layers, heads, vocab = (int(size) for size in sizes if size)
    experts = int(config.get("num_experts") or config.get("num_local_experts") or 1)
    active = int(config.get("num_experts_per_tok") or 1)
    intermediate = int(config.get("intermediate_size") or config.get("n_inner") or 4 * hidden)
    if experts > 1:
        intermediate = int(config.get("moe_intermediate_size") or intermediate)
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head_dim = int(config.get("head_dim") or hidden // heads)
    tied = bool(config.get("tie_word_embeddings"))
    attention = 2 * hidden * head_dim * (heads + kv_heads)
    outside_layers = hidden * vocab * (1 if tied else 2) + hidden

    def weights(mlps: int) -> int:
        return outside_layers + layers * (attention + 3 * hidden * intermediate * mlps + 2 * hidden)

    parameters = weights(experts) if is_local_name(name) else hub.parameter_count(name) or weights(experts)
    return {
        "parameters": parameters,
        "layers": layers,
        "hidden": hidden,
        "intermediate": intermediate,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "vocab": vocab,
        "tied_embeddings": tied,
        "active_parameters": weights(active) if experts > 1 else None,
    }


def _license(name: str) -> tuple[str, bool]:
    """The license as on the hub, and whether the hub asks for it to be accepted first."""
    if not is_local_name(name):
        return hub.license_of(name) or (UNKNOWN_LICENSE, False)
    head = _text(name, "README.md").split("---")[1:2]
    card = yaml.safe_load(head[0]) if head else None
    return (str(card.get("license") or UNKNOWN_LICENSE) if isinstance(card, dict) else UNKNOWN_LICENSE), False


def _read(name: str, file: str) -> Tree:
    """A JSON object among a model's files; {} where it has none."""
    text = _text(name, file)
    try:
        value = json.loads(text or "{}")
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(name: str, file: str) -> str:
    if is_local_name(name):
        path: Path | None = given_path(name) / file
    else:
        try:
            path = hub.cached_file(name, file) or hub.fetch_file(name, file)
        except hub.HubUnreachableError:
            if file != "config.json":
                return ""
            raise UserError(
                f"axolotl.base_model {name}: no file of configs/model/ describes it, its config.json is not on this "
                "disk, and the hub does not answer",
                hint="connect and try again, name a downloaded folder, or describe it: model.dimensions, .context, "
                ".license and .chat in the recipe, as in configs/model/",
            ) from None
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else ""
