"""Blind pairs: RUN -> blind/pairs.jsonl for judges and blind/key.jsonl, the arms behind the texts, for the verdict."""

from __future__ import annotations

import hashlib
import random
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicewright.core.documents.base import parse_lines, read_documents, write_document, write_documents
from voicewright.core.documents.generation import Generation
from voicewright.core.documents.judging import CommittedTargets, LeftOutPair, Pair, PairingSummary, PairKey
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import content_id, dumps
from voicewright.core.rows import TrainingRow, read_prompt_format
from voicewright.core.text import opening
from voicewright.judging.length_matching import to_equal_words
from voicewright.recipe.schema import Recipe

# A text of fewer words is too short to be compared.
MIN_WORDS = 20
AUTHOR = "author"
Key = Mapping[str, PairKey]
"""The keys of pairs, by the pair's id."""


@dataclass(frozen=True)
class Pairing:
    """The pairs, their keys in the order of the committed file, and the pairs that were left out."""

    pairs: list[Pair]
    key: list[PairKey]
    left_out: list[LeftOutPair]


def author_arm(generations: Iterable[Generation]) -> list[Generation]:
    """The author's own continuations as an arm, one for each prompt whose opening was held out."""
    by_prompt: dict[str, Generation] = {}
    for generation in generations:
        if generation.reference and generation.prompt_id not in by_prompt:
            changes = {"arm": AUTHOR, "sample": 0, "text": generation.reference, "error": None}
            by_prompt[generation.prompt_id] = generation.model_copy(update=changes)
    return list(by_prompt.values())


def make_pairs(
    arms: Mapping[str, Sequence[Generation]],
    versus: Sequence[tuple[str, str]],
    heldout: Sequence[TrainingRow],
    earlier_key: Iterable[PairKey] = (),
    *,
    max_words: int,
    references: int,
    seed: int,
) -> Pairing:
    """Pair the arms of each (a, b) in `versus` on the same prompt and sample.

    A pair of `earlier_key` whose two texts are unchanged keeps its id and its sides, so that votes on it still count.
    New ids and sides are drawn from the system's entropy.
    """
    earlier: dict[str | None, list[PairKey]] = defaultdict(list)
    for key in earlier_key:
        earlier[key.content].append(key)
    drafts: list[tuple[Pair, PairKey]] = []
    left_out: list[LeftOutPair] = []
    for a, b in versus:
        others = {(generation.prompt_id, generation.sample): generation for generation in arms[b]}
        for first in arms[a]:
            second = others.get((first.prompt_id, first.sample))
            if second is None:
                continue
            text_a, text_b = to_equal_words(first.text, second.text, max_words)
            why = _why_unfit(first, text_a) or _why_unfit(second, text_b)
            if why:
                left_out.append(LeftOutPair(prompt_id=first.prompt_id, sample=first.sample, arms=[a, b], why=why))
                continue
            content = content_id([first.prompt, sorted([[a, text_a], [b, text_b]])], 32)
            key = earlier[content].pop(0) if earlier[content] else _draw_key(content, a, b)
            texts = {a: text_a, b: text_b}
            pair = Pair(
                id=key.id,
                prompt_id=first.prompt_id,
                domain=first.domain,
                prompt=first.prompt,
                x=texts[key.x],
                y=texts[key.y],
                references=_references(heldout, first.reference_source, first.prompt_id, references, max_words, seed),
            )
            drafts.append((pair, key))
    drafts = _interleaved(drafts, random.Random(seed))
    keys = sorted((key for _, key in drafts), key=lambda key: key.id)
    digest = hashlib.sha256("".join(dumps(key.to_json()) + "\n" for key in keys).encode()).hexdigest()
    return Pairing([pair.model_copy(update={"key_sha256": digest}) for pair, _ in drafts], keys, left_out)


def _draw_key(content: str, a: str, b: str) -> PairKey:
    x, y = (a, b) if secrets.randbits(1) else (b, a)
    return PairKey(id=secrets.token_hex(8), x=x, y=y, content=content, nonce=secrets.token_hex(16))


def _why_unfit(generation: Generation, text: str) -> str | None:
    """Why a generation, cut to `text`, cannot be paired; None where it can."""
    if generation.error:
        return f"{generation.arm} failed: {generation.error}"
    if len(text.split()) < MIN_WORDS:
        return f"{generation.arm} has fewer than {MIN_WORDS} words to show"
    return None


def _references(
    heldout: Sequence[TrainingRow], own_source: str | None, prompt_id: str, n: int, max_words: int, seed: int
) -> list[str]:
    """Held-out passages of the author for one prompt: never the passage that the prompt opens, nor its section.

    Where the other sections hold fewer than `n` rows, rows of the same section are taken as well.
    """
    section = next((row.section for row in heldout if own_source and row.source == own_source), None)
    others = [row for row in heldout if row.source != own_source]
    elsewhere = [row for row in others if section is None or row.section != section]
    passages = [opening(row.author_text, max_words) for row in (elsewhere if len(elsewhere) >= n else others)]
    passages = [passage for passage in passages if len(passage.split()) >= MIN_WORDS]
    return random.Random(f"{seed} {prompt_id}").sample(passages, min(n, len(passages)))


def _interleaved(drafts: list[tuple[Pair, PairKey]], rng: random.Random) -> list[tuple[Pair, PairKey]]:
    """Shuffled, and spread evenly by kind of prompt, so that any first part of the file is stratified."""
    rng.shuffle(drafts)
    by_domain: dict[str, list[tuple[Pair, PairKey]]] = {}
    for draft in drafts:
        by_domain.setdefault(draft[0].domain, []).append(draft)
    places = [
        ((rank + 0.5) / len(group), domain, rank) for domain, group in by_domain.items() for rank in range(len(group))
    ]
    return [by_domain[domain][rank] for _, domain, rank in sorted(places)]


def read_pairs(pairs_path: Path, hint: str | None = None) -> list[Pair]:
    """The pairs of a file.

    Raises UserError naming every row that does not fit and every id that occurs twice; without the file, with `hint`.
    """
    if not pairs_path.exists():
        raise UserError(f"{pairs_path}: no such file", hint=hint)
    with pairs_path.open(encoding="utf-8") as file:
        pairs = parse_lines(Pair, file, pairs_path)
    ids = [pair.id for pair in pairs]
    repeated = sorted({pair_id for pair_id in ids if ids.count(pair_id) > 1})
    if repeated:
        raise UserError([f"{pairs_path}: two pairs have the id {pair_id!r}" for pair_id in repeated])
    return pairs


def read_key(key_path: Path, pairs: Sequence[Pair]) -> dict[str, PairKey]:
    """The key of each pair, by the pair's id.

    Raises UserError where the file is not the one whose SHA-256 stands in the pairs, or lacks a pair.
    """
    if not key_path.exists():
        raise UserError(f"{key_path}: no such file")
    digest = hashlib.sha256(key_path.read_bytes()).hexdigest()
    committed = sorted({pair.key_sha256 for pair in pairs if pair.key_sha256})
    if committed and committed != [digest]:
        raise UserError(
            f"{key_path}: not the key that was committed to before the votes: its SHA-256 is {digest[:12]}..., "
            f"the pairs say {committed[0][:12]}...",
            hint="put the original key.jsonl back, or pair and judge anew",
        )
    key = {row.id: row for row in read_documents(key_path, PairKey)}
    missing = [pair.id for pair in pairs if pair.id not in key]
    if missing:
        raise UserError(f"{key_path}: {len(missing)} pairs are not in it, first {missing[0]}")
    return key


def pair_arms(run: Run, recipe: Recipe, versus: Sequence[tuple[str, str]] = ()) -> Pairing:
    """Pair a run's generations and write pairs, key and targets; `versus` is the recipe's `blind.against` by default.

    Raises UserError where an arm has no generations, or no two arms share a prompt with enough text.
    """
    blind = recipe.blind
    versus = versus or [
        ("finetuned", arm)
        for arm in blind.against
        if arm in (blind.against[0], AUTHOR) or run.generations_path(arm).exists()
    ]
    pairing = make_pairs(
        {arm: _read_arm(run, arm) for arm in sorted({arm for both in versus for arm in both})},
        versus,
        _read_heldout(run),
        read_documents(run.key_path, PairKey) if run.key_path.exists() else (),
        max_words=blind.max_words,
        references=blind.references,
        seed=blind.seed,
    )
    if not pairing.pairs:
        raise UserError(
            f"{run.generations_dir}: no two arms have texts of {MIN_WORDS} words or more on the same prompt",
            hint=f"make generate RUN={run.name}",
        )
    # The targets are committed before the first vote: later changes of the recipe do not move them.
    if not run.targets_path.exists() or not run.votes_path.exists():
        write_document(run.targets_path, CommittedTargets(**recipe.targets.model_dump()))
    # The key before the pairs: its hash is in every pair, so that no vote can come before the commitment.
    write_documents(run.key_path, pairing.key)
    write_documents(run.pairs_path, pairing.pairs)
    summary = PairingSummary(pairs=len(pairing.pairs), versus=list(versus), left_out=pairing.left_out)
    write_document(run.pairing_path, summary)
    return pairing


def _read_arm(run: Run, arm: str) -> list[Generation]:
    """An arm's generations in the author's field: in code and sums no voice can be recognised."""
    if arm == AUTHOR:
        return author_arm(_read_arm(run, "finetuned"))
    path = run.generations_path(arm)
    if not path.exists():
        raise UserError(f"{path}: arm {arm!r} has no generations", hint=f"make generate RUN={run.name} ARM={arm}")
    return [generation for generation in read_documents(path, Generation) if not generation.is_out_of_domain]


def _read_heldout(run: Run) -> list[TrainingRow]:
    shape = read_prompt_format(run.stats_path).shape if run.stats_path.exists() else "completion"
    path = run.rows_path(shape, "heldout")
    return list(read_documents(path, TrainingRow)) if path.exists() else []
