"""Pairs of texts without their makers: `pairs.jsonl` for judges, `key.jsonl` for the verdict alone."""

from __future__ import annotations

import hashlib
import random
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicewright.core import modes
from voicewright.core.errors import UserError
from voicewright.core.records import Row, content_id, dumps, read_rows
from voicewright.judging.length_matching import opening, to_equal_words

# Below this a text says too little to be judged by.
MIN_WORDS = 20
AUTHOR = "author"


@dataclass(frozen=True)
class Pairing:
    """What was paired, and what could not be."""

    pairs: list[Row]
    key: list[Row]
    left_out: list[Row]


def row_text(row: Row) -> str:
    """The author's words in a training row: its text, what a mode answers, or what the assistant says in a chat."""
    if modes.is_sample(row):
        return modes.reply(row)
    if "text" in row:
        return str(row["text"])
    if "chosen" in row:
        return str(row["chosen"]["content"])
    return "\n\n".join(str(m["content"]) for m in row.get("messages", []) if m.get("role") == "assistant")


def author_arm(generations: Iterable[Row]) -> list[Row]:
    """The author's real continuations as an arm of their own, where the openings were held out."""
    seen: dict[str, Row] = {}
    for row in generations:
        if row.get("reference"):
            seen.setdefault(
                row["prompt_id"], {**row, "arm": AUTHOR, "sample": 0, "text": row["reference"], "error": None}
            )
    return list(seen.values())


def make(
    arms: dict[str, list[Row]],
    versus: Sequence[tuple[str, str]],
    heldout: Sequence[Row],
    known: Sequence[Row],
    *,
    max_words: int,
    references: int,
    seed: int,
) -> Pairing:
    """Pair the arms of each (a, b) in `versus` on the same prompt and sample.

    `known` are the rows of an earlier key: a pair whose two texts are unchanged keeps its id and its sides,
    so that votes already cast still speak of it. New ids and sides are drawn from the system's entropy.
    """
    earlier: dict[str, list[Row]] = defaultdict(list)
    for row in known:
        earlier[row["content"]].append(row)
    shuffler = random.Random(seed)
    drafts: list[tuple[Row, Row]] = []
    left_out: list[Row] = []
    for a, b in versus:
        others = {(row["prompt_id"], row["sample"]): row for row in arms[b]}
        for row in arms[a]:
            other = others.get((row["prompt_id"], row["sample"]))
            if other is None:
                continue
            text_a, text_b = to_equal_words(row["text"] or "", other["text"] or "", max_words)
            why = _unfit(row, other, text_a, text_b)
            if why:
                left_out.append({"prompt_id": row["prompt_id"], "sample": row["sample"], "arms": [a, b], "why": why})
                continue
            content = content_id([row["prompt"], sorted([[a, text_a], [b, text_b]])], 32)
            key = earlier[content].pop(0) if earlier[content] else _draw(content, a, b)
            texts = {a: text_a, b: text_b}
            passages = _references(heldout, row.get("reference_source"), row["prompt_id"], references, max_words, seed)
            pair = {
                "id": key["id"],
                "prompt_id": row["prompt_id"],
                "domain": row["domain"],
                "prompt": row["prompt"],
                "x": texts[key["x"]],
                "y": texts[key["y"]],
                "references": passages,
            }
            drafts.append((pair, key))
    drafts = _interleaved(drafts, shuffler)
    key_rows = sorted((key for _, key in drafts), key=lambda row: row["id"])
    digest = hashlib.sha256("".join(dumps(row) + "\n" for row in key_rows).encode()).hexdigest()
    return Pairing([{**pair, "key_sha256": digest} for pair, _ in drafts], key_rows, left_out)


def _draw(content: str, a: str, b: str) -> Row:
    sides = [a, b] if secrets.randbits(1) else [b, a]
    # The nonce keeps the committed hash from being guessed by trying all assignments of sides.
    return {
        "id": secrets.token_hex(8),
        "x": sides[0],
        "y": sides[1],
        "content": content,
        "nonce": secrets.token_hex(16),
    }


def _unfit(row: Row, other: Row, text: str, other_text: str) -> str | None:
    for generation, trimmed in ((row, text), (other, other_text)):
        if generation.get("error"):
            return f"{generation['arm']} failed: {generation['error']}"
        if len(trimmed.split()) < MIN_WORDS:
            return f"{generation['arm']} has fewer than {MIN_WORDS} words to show"
    return None


def _references(
    heldout: Sequence[Row], own: str | None, prompt_id: str, n: int, max_words: int, seed: int
) -> list[str]:
    """Held-out passages of the author for one prompt, never the passage that the prompt opens."""
    section = next((row.get("section") for row in heldout if own and row["source"] == own), None)
    strangers = [row for row in heldout if row["source"] != own]
    elsewhere = [row for row in strangers if section is None or row.get("section") != section]
    passages = [opening(row_text(row), max_words) for row in (elsewhere if len(elsewhere) >= n else strangers)]
    passages = [passage for passage in passages if len(passage.split()) >= MIN_WORDS]
    picker = random.Random(f"{seed} {prompt_id}")
    return picker.sample(passages, min(n, len(passages)))


def _interleaved(drafts: list[tuple[Row, Row]], shuffler: random.Random) -> list[tuple[Row, Row]]:
    """Shuffled, and dealt round the domains, so that any first part of the file is stratified."""
    shuffler.shuffle(drafts)
    by_domain: dict[str, list[tuple[Row, Row]]] = {}
    for draft in drafts:
        by_domain.setdefault(draft[0]["domain"], []).append(draft)
    spread = [
        ((rank + 0.5) / len(group), domain, rank) for domain, group in by_domain.items() for rank in range(len(group))
    ]
    return [by_domain[domain][rank] for _, domain, rank in sorted(spread)]


def read(pairs_path: Path) -> list[Row]:
    """The pairs of a file, checked. Raises UserError naming every row that lacks something."""
    if not pairs_path.exists():
        raise UserError(f"{pairs_path}: no pairs there", hint="make judge RECIPE=<name>, or name a file with pairs=")
    rows = list(read_rows(pairs_path))
    problems = [
        f"{pairs_path}: pair {n + 1} has no {field!r}, expected a string"
        for n, row in enumerate(rows)
        for field in ("id", "x", "y")
        if not isinstance(row.get(field), str)
    ]
    ids = [row.get("id") for row in rows]
    problems += [
        f"{pairs_path}: two pairs have the id {i!r}" for i in sorted({str(i) for i in ids if ids.count(i) > 1})
    ]
    if problems:
        raise UserError(problems)
    return [{"prompt_id": row["id"], "domain": "all", **row} for row in rows]


def read_key(key_path: Path, pairs: Sequence[Row]) -> dict[str, tuple[str, str]]:
    """Which arms the x and the y of each pair came from. Raises UserError where the key is not the committed one."""
    digest = hashlib.sha256(key_path.read_bytes()).hexdigest()
    committed: set[Any] = {row["key_sha256"] for row in pairs if "key_sha256" in row}
    if committed and committed != {digest}:
        raise UserError(
            f"{key_path}: not the key that was committed to before the votes: its SHA-256 is {digest[:12]}..., "
            f"the pairs say {sorted(map(str, committed))[0][:12]}...",
            hint="put the original key.jsonl back, or pair and judge anew",
        )
    key = {row["id"]: (row["x"], row["y"]) for row in read_rows(key_path)}
    unknown = [pair["id"] for pair in pairs if pair["id"] not in key]
    if unknown:
        raise UserError(f"{key_path}: says nothing of {len(unknown)} pairs, first {unknown[0]}")
    return key
