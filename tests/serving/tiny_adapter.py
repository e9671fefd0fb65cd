"""LoRA adapters for models/tiny-base, made up on the spot: the files that PEFT writes, with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

HIDDEN, LAYERS, QUERIES = 256, 6, 256


def write(folder: Path, *, rank: int = 8, seed: int = 0, scale: float = 0.05) -> Path:
    """Write an adapter of the query projections. A `scale` of 0 changes nothing of what the base says."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    tensors = {}
    for layer in range(LAYERS):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors[f"{name}.lora_A.weight"] = draw.normal(size=(rank, HIDDEN)).astype(np.float32)
        tensors[f"{name}.lora_B.weight"] = (scale * draw.normal(size=(QUERIES, rank))).astype(np.float32)
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    head = json.dumps(header).encode()
    body = b"".join(tensor.tobytes() for tensor in tensors.values())
    (folder / "adapter_model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + body)
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank, "lora_dropout": 0.0,
        "bias": "none", "target_modules": ["q_proj"], "base_model_name_or_path": "models/tiny-base",
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder
