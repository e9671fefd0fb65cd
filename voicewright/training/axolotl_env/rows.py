"""Print training rows as the model sees them: `rows.py axolotl.yaml count` -> `ROWS [[[text, is_learnt], ...], ...]`.

Started with Axolotl's Python, imports nothing of ours.
"""

import json
import sys

from axolotl.cli.config import load_cfg
from axolotl.common.datasets import load_datasets, load_preference_datasets
from axolotl.loaders import load_tokenizer


def spelt(tokenizer, ids, learnt):
    """Neighbouring tokens of the same kind as one piece, so that characters of several tokens are whole."""
    pieces = []
    for token, is_learnt in zip(ids, learnt, strict=True):
        if not pieces or pieces[-1][1] != is_learnt:
            pieces.append(([], is_learnt))
        pieces[-1][0].append(token)
    return [(tokenizer.decode(tokens, skip_special_tokens=False), is_learnt) for tokens, is_learnt in pieces]


def main():
    path, count = sys.argv[1], int(sys.argv[2])
    cfg = load_cfg(path)
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
            spelt(tokenizer, row["input_ids"], [label != -100 for label in row["labels"]])
            for row in data.select(range(min(count, len(data))))
        ]
    print("ROWS " + json.dumps(rows))


# Axolotl saves its data with helper processes, which import this file again.
if __name__ == "__main__":
    main()
