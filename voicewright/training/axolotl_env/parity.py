"""Compare a merged model with the base plus adapter that was trained.

Request: {base, adapter, merged: folders, four_bit: bool, texts: [str]}. Answer: {parity: {...}, texts: [...]}.

weights            largest relative difference of a tensor, |merged - expected| / |expected| (Frobenius)
log-probabilities  of the same tokens, in nats, both in float32
texts              the token ids of each text and what the merged model gives them, to ask a server the same
gap                with four_bit, how far the merged model is from the adapter on the base as it was before 4 bits

QLoRA's merge folds the adapter into the base as NF4 rounded it, so with four_bit the 4-bit base is the one to
compare with. Started with Axolotl's Python, imports nothing of ours.
"""

import json
import pathlib
import sys

import torch
from bitsandbytes.functional import dequantize_4bit
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

request = json.load(sys.stdin)
base_path, adapter_path, merged_path = request["base"], request["adapter"], request["merged"]
MAX_TOKENS = 512


def device_for(quantised):
    """The accelerator if the model fits there: in float32 a 16-bit model takes twice its files."""
    if not torch.cuda.is_available():
        return "cpu"
    needed = 2 * sum(file.stat().st_size for file in pathlib.Path(merged_path).glob("*.safetensors"))
    return "cuda" if quantised or needed < 0.8 * torch.cuda.mem_get_info()[0] else "cpu"


def load(path, quantised=False):
    options = {"dtype": torch.float32, "device_map": {"": device_for(quantised)}, "attn_implementation": "sdpa"}
    if quantised:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.float32,
        )
    return AutoModelForCausalLM.from_pretrained(path, **options).eval()


def weight_of(module):
    weight = module.weight
    # Only before the first forward pass: bitsandbytes then repacks 4-bit weights for the CPU's kernel.
    return dequantize_4bit(weight.data, weight.quant_state) if hasattr(weight, "quant_state") else weight.data


@torch.no_grad()
def expected_weights(tuned):
    for name, module in tuned.named_modules():
        name = name.removeprefix("base_model.model.")
        if hasattr(module, "lora_A") and hasattr(module, "base_layer"):
            yield f"{name}.weight", weight_of(module.base_layer).float() + module.get_delta_weight("default").float()
            continue
        is_leaf = not list(module.children()) and getattr(module, "weight", None) is not None
        if is_leaf and ".lora_" not in name and not name.endswith("base_layer"):
            yield f"{name}.weight", weight_of(module).float()


@torch.no_grad()
def log_probabilities(model, batches):
    by_text = []
    for ids in batches:
        ids = ids.to(model.device)
        scores = model(ids).logits[0, :-1].float().log_softmax(-1)
        by_text.append(scores.gather(1, ids[0, 1:, None])[:, 0].cpu())
    return by_text


tokenizer = AutoTokenizer.from_pretrained(merged_path)
batches = [
    tokenizer(text, return_tensors="pt", truncation=True, max_length=MAX_TOKENS).input_ids for text in request["texts"]
]

tuned = PeftModel.from_pretrained(load(base_path, quantised=request["four_bit"]), adapter_path).eval()
owner = {}
for shard in pathlib.Path(merged_path).glob("*.safetensors"):
    with safe_open(shard, "pt") as file:
        owner.update(dict.fromkeys(file.keys(), shard))
worst, worst_name, compared = 0.0, None, 0
for name, weight in expected_weights(tuned):
    if name in owner:
        with safe_open(owner[name], "pt") as file:
            actual = file.get_tensor(name).float().to(weight.device)
        relative = float((actual - weight).norm() / weight.norm().clamp_min(1e-12))
        compared += 1
        if not relative <= worst:
            worst, worst_name = relative, name

expected = torch.cat(log_probabilities(tuned, batches))
with tuned.disable_adapter():
    before = torch.cat(log_probabilities(tuned, batches))
del tuned
by_text = log_probabilities(load(merged_path), batches)
merged = torch.cat(by_text)
gap = None
if request["four_bit"]:
    whole = PeftModel.from_pretrained(load(base_path), adapter_path).eval()
    gap = float((torch.cat(log_probabilities(whole, batches)) - merged).abs().mean())
difference = (merged - expected).abs()
answer = {
    "parity": {
        "tensors": compared,
        "worst_tensor": worst_name,
        "worst_relative": worst,
        "tokens": int(difference.numel()),
        "mean_abs_nats": float(difference.mean()),
        "max_abs_nats": float(difference.max()),
        # How far the adapter moved the base: the scale on which a difference is small or not.
        "adapter_moved_nats": float((expected - before).abs().mean()),
        "unquantised_gap_nats": gap,
    },
    "texts": [
        {"ids": ids[0].tolist(), "log_probabilities": given.tolist()}
        for ids, given in zip(batches, by_text, strict=True)
    ],
}
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(answer, file)
