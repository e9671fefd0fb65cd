"""A faster count for byte-level BPE: tiktoken, built from the model's own tokenizer.json.

Used to plan where to cut; what a row says is always the model's own tokenizer's count.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tiktoken

# GPT-2's pattern, which the pre-tokenizer ByteLevel stands for when it names none.
GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def load(tokenizer_path: Path) -> tiktoken.Encoding | None:
    """The tokenizer as a tiktoken encoding, None if it is not plain byte-level BPE."""
    described = json.loads(tokenizer_path.read_text(encoding="utf-8"))
    model = described["model"]
    pattern = _pattern(described.get("pre_tokenizer"))
    if model.get("type") != "BPE" or pattern is None or described.get("normalizer") or model.get("byte_fallback"):
        return None
    byte_of = _bytes_by_character()
    try:
        ranks = {bytes([byte]): rank for rank, byte in enumerate(byte_of.values())}
        for merge in model["merges"]:
            left, right = merge.split(" ") if isinstance(merge, str) else merge
            merged = bytes(byte_of[c] for c in left + right)
            ranks.setdefault(merged, len(ranks))
    except (KeyError, ValueError):
        return None  # not byte-level after all
    return tiktoken.Encoding("model", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def count(encoding: tiktoken.Encoding, texts: Sequence[str]) -> list[int]:
    """Tokens of each text."""
    return [len(encoding.encode_ordinary(text)) for text in texts]


def _pattern(pre: dict[str, Any] | None) -> str | None:
    """The splitting pattern of a pre-tokenizer, None for one that does not split by a single pattern."""
    steps = pre.get("pretokenizers", [pre]) if pre else []
    found = None
    for step in steps:
        regex = (step.get("pattern") or {}).get("Regex")
        if step["type"] == "Split" and regex and found is None and step.get("behavior") == "Isolated":
            found = str(regex)
        elif step["type"] == "ByteLevel" and not step.get("add_prefix_space"):
            found = found or (GPT2_PATTERN if step.get("use_regex", True) else None)
        else:
            return None
    return found


def _bytes_by_character() -> dict[str, int]:
    """GPT-2's table: each byte stands as a printable character, those that are none as one from 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}
