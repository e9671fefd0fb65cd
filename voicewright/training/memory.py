"""What a training needs before anything is downloaded: memory by part, disk by part, hours.

Everything follows from the recipe and the dimensions of its model; sizes are in GB (core/units). Memory is the peak
of one accelerator; ZeRO-2 shards gradients and optimizer over all of them, ZeRO-3 and FSDP the weights as well. The
parts:

weights      4-bit: half a byte and NF4's double-quantised scales (8 bits a block of 64, 32 bits 256 of them) for every
             matrix in the layers; embeddings and head stay in 16 bits. Otherwise 2 bytes, 4 without half precision.
adapter      r (in + out) for each target, in 32 bits as PEFT keeps them
gradients    as wide as what is trained
optimizer    two moments of what is trained: its own width, or one byte each for 8-bit optimizers
activations  with checkpointing the input of every layer, and all of one layer; without it all of every layer
logits       16-bit logits, their 32-bit copy and the gradient of that: 10 bytes for each token and vocabulary entry
overhead     the driver's context, and 6% lost to fragmentation
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from voicewright.core.errors import UserError
from voicewright.core.gpus import cards
from voicewright.core.units import GB
from voicewright.recipe.schema import Dimensions, Recipe
from voicewright.recipe.steps import process_count

NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
CONTEXT_GB = 0.8
FRAGMENTATION = 0.06
LOGIT_BYTES = 10
# The share of the peak rate that training reaches; 4-bit weights are unpacked on the way.
UTILIZATION, UTILIZATION_4BIT = 0.40, 0.30


def _matrices(d: Dimensions) -> dict[str, tuple[int, int]]:
    """The (in, out) sizes of a layer's matrices, by the names of the Llama family."""
    queries, keys = d.heads * d.head_dim, d.kv_heads * d.head_dim
    sizes = {
        "q_proj": (d.hidden, queries), "k_proj": (d.hidden, keys), "v_proj": (d.hidden, keys),
        "o_proj": (queries, d.hidden), "gate_proj": (d.hidden, d.intermediate),
        "up_proj": (d.hidden, d.intermediate), "down_proj": (d.intermediate, d.hidden),
    }  # fmt: skip
    # The same matrices under other families' names.
    sizes |= {
        "qkv_proj": (d.hidden, queries + 2 * keys), "gate_up_proj": (d.hidden, 2 * d.intermediate),
        "dense": sizes["o_proj"], "out_proj": sizes["o_proj"],
        "fc1": sizes["up_proj"], "fc2": sizes["down_proj"],
        "fc_in": sizes["up_proj"], "fc_out": sizes["down_proj"],
    }  # fmt: skip
    return sizes


def embedding_weights(d: Dimensions) -> int:
    """Weights of the embedding and the head, which are never quantised."""
    return d.vocab * d.hidden * (1 if d.tied_embeddings else 2)


def adapter_weights(recipe: Recipe) -> int:
    """Weights of the low-rank adapter; 0 without one."""
    a, d = recipe.axolotl, recipe.model.dimensions
    if not a.get("adapter"):
        return 0
    sizes, targets = _matrices(d), a.get("lora_target_modules") or []
    names = list(sizes)[:7] if isinstance(targets, str) or a.get("lora_target_linear") else targets
    return int(d.layers * a["lora_r"] * sum(sum(sizes[name]) for name in names if name in sizes))


@dataclass(frozen=True)
class Memory:
    """GB on one accelerator, by part."""

    weights: float
    adapter: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    overhead: float

    @property
    def total(self) -> float:
        return float(sum(vars(self).values()))


def is_half(recipe: Recipe) -> bool:
    """Whether training computes in 16 bits."""
    return bool(recipe.axolotl.get("bf16") or recipe.axolotl.get("fp16"))


def memory(recipe: Recipe) -> Memory:
    """The peak of one accelerator, by part."""
    a, d = recipe.axolotl, recipe.model.dimensions
    width = 2 if is_half(recipe) else 4
    layers_weights = d.parameters - embedding_weights(d)
    if a.get("load_in_4bit"):
        weights = layers_weights * NF4_BYTES + embedding_weights(d) * width
    else:
        weights = float(d.parameters * width)
    adapter = adapter_weights(recipe)
    trained, trained_width = (adapter, 4) if adapter else (d.parameters, width)
    moment_width = 1 if "8bit" in str(a.get("optimizer")) else trained_width
    sequences = (a.get("micro_batch_size") or 1) * (2 if a.get("rl") == "dpo" else 1)
    tokens = sequences * a["sequence_len"]
    parts = {
        "weights": weights,
        "adapter": adapter * 4.0,
        "gradients": float(trained * trained_width),
        "optimizer": 2.0 * trained * moment_width,
        "activations": activations(d, a, tokens, width),
        "logits": float(tokens * d.vocab * (LOGIT_BYTES if width == 2 else 12)),
    }
    sharded = sharded_parts(recipe)
    processes = process_count(recipe)
    gigabytes = {name: value / GB / (processes if name in sharded else 1) for name, value in parts.items()}
    context = CONTEXT_GB if recipe.hardware.accelerator == "cuda" else 0.5
    return Memory(**gigabytes, overhead=context + FRAGMENTATION * sum(gigabytes.values()))


def sharded_parts(recipe: Recipe) -> tuple[str, ...]:
    """The parts that DeepSpeed or FSDP shards over the accelerators."""
    stage = ((recipe.axolotl.get("deepspeed") or {}).get("zero_optimization") or {}).get("stage", 0)
    if recipe.axolotl.get("fsdp_config") or stage == 3:
        return ("weights", "adapter", "gradients", "optimizer")
    return ("gradients", "optimizer") if stage else ()


def activations(d: Dimensions, a: dict[str, Any], tokens: int, width: int) -> float:
    """Bytes kept for the backward pass."""
    queries, keys = d.heads * d.head_dim, d.kv_heads * d.head_dim
    # Of one layer: the norms' 32-bit inputs, queries, keys, values and their rotated copies, the two residuals, and the
    # gate, up, product and activation of the feed-forward part; a copy of each target's input where dropout is on.
    one_layer = tokens * (width * (4 * d.hidden + 3 * queries + 4 * keys + 4 * d.intermediate) + 8 * d.hidden)
    if a.get("adapter") and a.get("lora_dropout"):
        one_layer += tokens * width * (6 * d.hidden + d.intermediate)
    recomputed = a.get("gradient_checkpointing") or (a.get("fsdp_config") or {}).get("activation_checkpointing")
    if not recomputed:
        return float(d.layers * one_layer)
    unpacked = width * d.hidden * d.intermediate if a.get("load_in_4bit") else 0
    return float(d.layers * tokens * d.hidden * width + one_layer + unpacked)


def checkpoint_gb(recipe: Recipe) -> float:
    """One finished checkpoint: the adapter, or every weight."""
    adapter = adapter_weights(recipe)
    return (adapter * 4 if adapter else recipe.model.dimensions.parameters * (2 if is_half(recipe) else 4)) / GB


def checkpoint_count(recipe: Recipe) -> int:
    """How many checkpoints the run keeps."""
    a = recipe.axolotl
    saves = (a.get("saves_per_epoch") or 1) * (a.get("num_epochs") or 1)
    if a.get("max_steps") and isinstance(a.get("save_steps"), int):
        saves = math.ceil(a["max_steps"] / a["save_steps"])
    return int(min(saves, a.get("save_total_limit") or saves))


def download_gb(recipe: Recipe) -> float:
    """The base model's weights as the hub holds them, in 16 bits."""
    return recipe.model.dimensions.parameters * 2 / GB


def disk(recipe: Recipe, *, is_downloaded: bool) -> dict[str, float]:
    """GB on disk, by part. A merged model is written beside the last one, which goes when the new one is proven."""
    trained = adapter_weights(recipe) or recipe.model.dimensions.parameters
    return {
        "download": 0.0 if is_downloaded else download_gb(recipe),
        "checkpoints": checkpoint_count(recipe) * checkpoint_gb(recipe),
        "optimizer state of the last": trained * 8 / GB,
        "merging (twice the model)": 2 * download_gb(recipe),
    }


def hours(recipe: Recipe, tokens: int) -> float | None:
    """Hours of training on `tokens` tokens an epoch; None where the machine's speed is not known.

    2 operations a weight and token forward, 2 for the gradients of activations, 2 for those of weights where all are
    trained, and 2 more where checkpointing computes the forward pass again.
    """
    rate = recipe.hardware.teraflops
    if rate is None:
        return None
    a, d = recipe.axolotl, recipe.model.dimensions
    passes = 4 + (2 if not a.get("adapter") else 0) + (2 if a.get("gradient_checkpointing") else 0)
    passes += 2 if a.get("rl") else 0
    operations = passes * (d.active_parameters or d.parameters) * tokens * (a.get("num_epochs") or 1)
    share = UTILIZATION_4BIT if a.get("load_in_4bit") else UTILIZATION
    return float(operations / (rate * 1e12 * share * process_count(recipe)) / 3600)


def check_free(recipe: Recipe) -> None:
    """Raise UserError if a card that training would use has less memory free than `hardware.free_gb`."""
    needed = recipe.hardware.free_gb
    if needed is None or recipe.hardware.accelerator != "cuda":
        return
    free = [card.free / GB for card in cards()[: recipe.hardware.devices]]
    short = [f"  card {number}: {gb:.1f} GB free" for number, gb in enumerate(free) if gb < needed]
    if short:
        smaller = f'SET="model={recipe.model.smaller}"' if recipe.model.smaller else "a smaller model"
        raise UserError(
            [f"{recipe.model.name} needs {needed:g} GB free before it is loaded:", *short],
            hint=f"close what else is on the card (nvidia-smi lists it), `make stop ALL=1`, or {smaller}",
        )
