"""Passages that occur twice: exactly, nearly (MinHash), or in part in another split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from rensa import RMinHash, RMinHashLSH

from voicewright.core.documents.stats import ExactDuplicate, Leak, NearDuplicate
from voicewright.core.records import content_id

Runs = npt.NDArray[np.uint64]

SHINGLE_WORDS = 5
PERMUTATIONS, BANDS = 128, 32
MIN_JACCARD = 0.7
# Thirteen words in a row are no coincidence (the overlap measure of the GPT-3 paper, appendix C).
RUN_OF_WORDS = 13
MIN_LEAK_SHARE = 0.2
MAX_LISTED = 200

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Words without case and punctuation."""
    return _WORD.findall(text.lower())


def find(texts: Sequence[tuple[str, str]]) -> tuple[list[ExactDuplicate], list[NearDuplicate]]:
    """Exact and near duplicates among rows (id, text). Near: estimated Jaccard of word 5-grams of at least 0.7."""
    first_ids: dict[str, str] = {}
    exact: list[ExactDuplicate] = []
    near: list[NearDuplicate] = []
    ids: list[str] = []
    signatures: list[RMinHash] = []
    index = RMinHashLSH(threshold=MIN_JACCARD, num_perm=PERMUTATIONS, num_bands=BANDS)
    for row_id, text in texts:
        words = words_of(text)
        key = content_id(words)
        if key in first_ids:
            exact.append(ExactDuplicate(id=row_id, same_as=first_ids[key]))
            continue
        first_ids[key] = row_id
        if len(words) < SHINGLE_WORDS:
            continue
        signature = RMinHash(num_perm=PERMUTATIONS, seed=42)
        signature.update([" ".join(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1)])
        for other in index.query(signature):
            jaccard = signature.jaccard(signatures[other])
            if jaccard >= MIN_JACCARD:
                near.append(NearDuplicate(id=row_id, like=ids[other], jaccard=round(jaccard, 3)))
        index.insert(len(ids), signature)
        ids.append(row_id)
        signatures.append(signature)
    return exact[:MAX_LISTED], near[:MAX_LISTED]


def known_runs(texts: Iterable[str]) -> Runs:
    """The runs of thirteen words in some texts, hashed and sorted."""
    runs = np.concatenate([np.empty(0, dtype=np.uint64), *map(_runs, texts)])
    runs.sort()
    return runs


def leaks(known: Runs, texts: Mapping[str, str]) -> list[Leak]:
    """Rows of another split (id: text) of whose runs of thirteen words at least a fifth are known from training."""
    rows = []
    for row_id, text in texts.items():
        runs = _runs(text)
        if not len(runs) or not len(known):
            continue
        positions = np.minimum(np.searchsorted(known, runs), len(known) - 1)
        share = float((known[positions] == runs).mean())
        if share >= MIN_LEAK_SHARE:
            rows.append(Leak(id=row_id, share=round(share, 3)))
    return rows[:MAX_LISTED]


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
