"""Passages that occur twice: exactly, nearly (MinHash), or in part in another split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rensa import RMinHash, RMinHashLSH

from voicewright.core.records import content_id

Runs = np.ndarray[Any, np.dtype[np.uint64]]

SHINGLE = 5
PERMUTATIONS, BANDS = 128, 32
NEAR = 0.7
# Thirteen words in a row are no coincidence (the overlap measure of the GPT-3 paper, appendix C).
RUN_OF_WORDS = 13
LEAK = 0.2
MOST_LISTED = 200

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Words without case and punctuation."""
    return _WORD.findall(text.lower())


def pairs(rows: Sequence[tuple[str, str]]) -> dict[str, list[dict[str, Any]]]:
    """Exact and near duplicates among rows (id, text). Near: estimated Jaccard of word 5-grams of at least 0.7."""
    first: dict[str, str] = {}
    exact: list[dict[str, Any]] = []
    near: list[dict[str, Any]] = []
    ids: list[str] = []
    signatures: list[RMinHash] = []
    index = RMinHashLSH(threshold=NEAR, num_perm=PERMUTATIONS, num_bands=BANDS)
    for row, text in rows:
        words = words_of(text)
        key = content_id(words)
        if key in first:
            exact.append({"id": row, "same_as": first[key]})
            continue
        first[key] = row
        if len(words) < SHINGLE:
            continue
        signature = RMinHash(num_perm=PERMUTATIONS, seed=42)
        signature.update([" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)])
        for other in index.query(signature):
            likeness = signature.jaccard(signatures[other])
            if likeness >= NEAR:
                near.append({"id": row, "like": ids[other], "jaccard": round(likeness, 3)})
        index.insert(len(ids), signature)
        ids.append(row)
        signatures.append(signature)
    return {"exact": exact[:MOST_LISTED], "near": near[:MOST_LISTED]}


def known_runs(texts: Iterable[str]) -> Runs:
    """The runs of thirteen words that stand in some texts, hashed and sorted."""
    hashed = np.concatenate([np.empty(0, dtype=np.uint64), *map(_runs, texts)])
    hashed.sort()
    return hashed


def leaks(known: Runs, other: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of another split (id: text) of whose runs of thirteen words at least a fifth are known from training."""
    found = []
    for row, text in other.items():
        runs = _runs(text)
        if not len(runs) or not len(known):
            continue
        at = np.minimum(np.searchsorted(known, runs), len(known) - 1)
        share = float((known[at] == runs).mean())
        if share >= LEAK:
            found.append({"id": row, "share": round(share, 3)})
    return found[:MOST_LISTED]


def _runs(text: str) -> Runs:
    """A 64-bit hash of each run of thirteen words; the same within one process."""
    values = np.array([hash(word) for word in words_of(text)], dtype=np.int64).view(np.uint64)
    count = len(values) - RUN_OF_WORDS + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint64)
    hashed = np.zeros(count, dtype=np.uint64)
    for i in range(RUN_OF_WORDS):
        hashed = (hashed ^ (values[i : i + count] * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xBF58476D1CE4E5B9)
        hashed ^= hashed >> np.uint64(29)
    return hashed
