"""Training rows as the model sees them. Request: {config: axolotl.yaml, count}; answer: [[[text, is_trained]]].

Started with Axolotl's Python, imports nothing of ours.
"""

import json
import sys

from axolotl.cli.config import load_cfg
from axolotl.common.datasets import load_datasets, load_preference_datasets
from axolotl.loaders import load_tokenizer


def segments(tokenizer, ids, trained):
    """Neighbouring tokens of the same kind as one segment, so that characters of several tokens are whole."""
    groups = []
    for token, is_trained in zip(ids, trained, strict=True):
        if not groups or groups[-1][1] != is_trained:
            groups.append(([], is_trained))
        groups[-1][0].append(token)
    return [(tokenizer.decode(tokens, skip_special_tokens=False), is_trained) for tokens, is_trained in groups]


def main():
    request = json.load(sys.stdin)
    count = request["count"]
    cfg = load_cfg(request["config"])
    if cfg.rl:
        data = load_preference_datasets(cfg=cfg).train_dataset
        rows = [
            [(row["prompt"], False), ("\n[chosen] " + row["chosen"], True), ("\n[rejected] " + row["rejected"], False)]
            for row in data.select(range(min(count, len(data))))
        ]
    else:
        tokenizer = load_tokenizer(cfg)
        data = load_datasets(cfg=cfg).train_dataset
        rows = [
            segments(tokenizer, row["input_ids"], [label != -100 for label in row["labels"]])
            for row in data.select(range(min(count, len(data))))
        ]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(rows, file)


# Axolotl saves its data with helper processes, which import this file again.
if __name__ == "__main__":
    main()
