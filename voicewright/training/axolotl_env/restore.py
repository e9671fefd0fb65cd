"""Put back what the merge should not have touched. Request: {base, adapter, merged}, folders; no answer.

Axolotl 0.19 rounds every tensor to NF4 when it merges a QLoRA adapter, embeddings and norms included, which the
4-bit base that was trained keeps whole. Each tensor that the adapter does not name is copied from the base.
Started with Axolotl's Python, imports nothing of ours.
"""

import json
import pathlib
import sys

from huggingface_hub import snapshot_download
from safetensors import safe_open
from safetensors.torch import load_file, save_file

request = json.load(sys.stdin)
base_path, adapter_path, merged_path = request["base"], request["adapter"], request["merged"]
base_dir = pathlib.Path(base_path)
if not base_dir.is_dir():
    base_dir = pathlib.Path(snapshot_download(base_path, allow_patterns=["*.safetensors"]))

with safe_open(pathlib.Path(adapter_path) / "adapter_model.safetensors", "pt") as file:
    named = {key.removeprefix("base_model.model.").split(".lora_")[0] for key in file.keys()}  # noqa: SIM118
owner = {}
for shard in base_dir.glob("*.safetensors"):
    with safe_open(shard, "pt") as file:
        owner.update(dict.fromkeys(file.keys(), shard))

for shard in sorted(pathlib.Path(merged_path).glob("*.safetensors")):
    tensors = load_file(shard)
    changed = False
    for key, tensor in tensors.items():
        if key not in owner or any(key.startswith(name) for name in named):
            continue
        with safe_open(owner[key], "pt") as file:
            original = file.get_tensor(key)
        if original.shape == tensor.shape and not original.equal(tensor):
            tensors[key], changed = original, True
    if changed:
        part = shard.with_suffix(".part")
        save_file(tensors, part, metadata={"format": "pt"})
        part.replace(shard)
