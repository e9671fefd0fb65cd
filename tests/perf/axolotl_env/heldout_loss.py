"""Mean loss a token of adapters on rows that none was trained on: `heldout_loss.py base rows.jsonl adapter ...`.

In float32, a row at a time, its end of text counted as training counts it; prints `LOSSES [...]`. Run in the train
environment; imports nothing of ours.
"""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base, rows_path, *adapters = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(base)
with open(rows_path, encoding="utf-8") as file:
    texts = [json.loads(line)["text"] for line in file]


@torch.no_grad()
def loss(adapter):
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="sdpa")
    model = PeftModel.from_pretrained(model, adapter).eval()
    total, count = 0.0, 0
    for text in texts:
        ids = torch.tensor([[*tokenizer(text).input_ids, tokenizer.eos_token_id]])
        scores = model(ids).logits[0, :-1].log_softmax(-1)
        total -= float(scores.gather(1, ids[0, 1:, None]).sum())
        count += ids.shape[1] - 1
    return total / count


print("LOSSES " + json.dumps([loss(adapter) for adapter in adapters]))
