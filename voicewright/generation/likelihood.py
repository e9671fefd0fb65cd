"""How likely an arm finds the author's held-out passages: -log2 p of the true tokens, from prompt log-probabilities.

Summed bits and characters, not token perplexity, so that models with different tokenizers compare.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicewright.core.documents.base import read_documents, write_document, write_documents
from voicewright.core.documents.endpoint import TokenLogprob
from voicewright.core.documents.generation import Likelihood, LikelihoodStatus
from voicewright.core.errors import UserError
from voicewright.core.records import content_id, drop_torn_row
from voicewright.core.rows import PromptFormat, TrainingRow
from voicewright.generation.prompts import split_answer, with_system
from voicewright.serving.client import Failure, Outcome, Request
from voicewright.serving.endpoint import Endpoint

# vLLM writes minus infinity as -9999.0, JSON having no word for it.
MINUS_INFINITY = -9000.0
Logprobs = Sequence[dict[str, TokenLogprob] | None]


class NotAvailable(Exception):
    """The endpoint does not tell prompt log-probabilities."""


@dataclass(frozen=True)
class Passage:
    """Token ids of which those from `first` on are scored; they stand for `chars` characters."""

    id: str
    """The id of the held-out row."""
    key: str
    tokens: list[int]
    first: int
    chars: int


def score(
    path: Path,
    rows: Sequence[TrainingRow],
    form: PromptFormat,
    endpoint: Endpoint,
    arm: str,
    *,
    context: int,
    progress: Callable[[Likelihood], None],
) -> LikelihoodStatus:
    """Score the held-out rows into `path`, resuming; return whether that was possible.

    Beside the rows, `<arm>.status.json` says the same. Raises UserError when the endpoint stops answering.
    """
    keys = {row.id: key_of(row, form, endpoint, context) for row in rows}
    drop_torn_row(path)
    scored = list(read_documents(path, Likelihood)) if path.exists() else []
    valid = [row for row in scored if keys.get(row.id) == row.key]
    if valid != scored:
        write_documents(path, valid)
    known = {row.id for row in valid}
    missing = [row for row in rows if row.id not in known]
    why, impossible = None, 0
    try:
        if missing and not endpoint.tokenizes:
            raise NotAvailable(f"{endpoint.url} does not turn text into token ids (/tokenize)")
        passages = [passage(row, form, endpoint, context, keys[row.id]) for row in missing]
        passages = [each for each in passages if each.first < len(each.tokens) and each.chars > 0]
        impossible = _ask(path, passages, endpoint, arm, progress)
    except NotAvailable as error:
        why = str(error)
    order = {row.id: n for n, row in enumerate(rows)}
    # Written even when there is nothing in it: that the question was put is a result.
    done = list(read_documents(path, Likelihood)) if path.exists() else []
    done.sort(key=lambda row: order[row.id])
    write_documents(path, done)
    status = LikelihoodStatus(status="not available" if why else "ok", why=why, rows=len(rows), impossible=impossible)
    write_document(path.with_suffix(".status.json"), status)
    return status


def key_of(row: TrainingRow, form: PromptFormat, endpoint: Endpoint, context: int) -> str:
    """What a likelihood follows from: the weights, the context, the format and the row."""
    return content_id([endpoint.model_hash, context, form.shape, form.is_chat, form.system, row.to_json()], 16)


def passage(row: TrainingRow, form: PromptFormat, endpoint: Endpoint, context: int, key: str) -> Passage:
    """A held-out row as the model was trained to see it; what is beyond the context is left out.

    The first token has nothing before it and cannot be scored: it is the beginning-of-text mark, or else its
    characters do not count.
    """
    if form.shape == "completion":
        text = row.text or ""
        tokens = endpoint.tokenize(text)
        first = 1
        opening = endpoint.detokenize(tokens[:1])
        unscored = len(opening) if opening and text.startswith(opening) else 0
    else:
        conversation, text = split_answer(row)
        before = endpoint.tokenize_messages(with_system(conversation, form))
        tokens = before + endpoint.tokenize(text, special=False)
        first, unscored = len(before), 0
    # One token is generated, because nothing less can be asked for.
    whole, tokens = tokens, tokens[: context - 1]
    if len(tokens) < len(whole):
        text = endpoint.detokenize(tokens[first:])
        unscored = 0
    return Passage(row.id, key, tokens, first, len(text) - unscored)


def bits(logprobs: Logprobs, tokens: Sequence[int], first: int) -> float | None:
    """-log2 p of the tokens from `first` on, or None where one of them has probability zero.

    Raises NotAvailable where a token has no log-probability.
    """
    total = 0.0
    for entry, token in zip(logprobs[first:], tokens[first:], strict=True):
        if entry is None or str(token) not in entry:
            raise NotAvailable("a token in mid-passage has no log-probability")
        logprob = entry[str(token)].logprob
        if logprob < MINUS_INFINITY:
            return None
        total -= logprob
    return total / math.log(2)


def _ask(
    path: Path,
    passages: Sequence[Passage],
    endpoint: Endpoint,
    arm: str,
    progress: Callable[[Likelihood], None],
) -> int:
    """Append the bits of every passage; return how many hold a token that the model thinks impossible."""
    by_key = {each.key: each for each in passages}
    impossible = 0

    def row(request: Request, outcome: Outcome) -> Likelihood | None:
        nonlocal impossible
        if isinstance(outcome, Failure):
            if outcome.kind == "refused":
                raise NotAvailable(f"{endpoint.url} refuses prompt_logprobs: {outcome.reason}")
            raise UserError(
                f"{arm}: {endpoint.url} stopped answering ({outcome.reason})",
                hint="once the server is up again, the same command goes on; eval.likelihood=false leaves this out",
            )
        asked = by_key[request.id]
        logprobs = outcome.completion.choices[0].prompt_logprobs
        if logprobs is None or len(logprobs) != len(asked.tokens):
            raise NotAvailable(f"{endpoint.url} answers without prompt_logprobs")
        total = bits(logprobs, asked.tokens, asked.first)
        if total is None:
            impossible += 1
            return None
        return Likelihood(
            id=asked.id,
            arm=arm,
            model=endpoint.model,
            chars=asked.chars,
            tokens=len(asked.tokens) - asked.first,
            bits=round(total, 4),
            key=asked.key,
        )

    fields = {"temperature": 0, "prompt_logprobs": 0}
    requests = [Request(endpoint.model, 1, prompt=each.tokens, sampling=fields, id=each.key) for each in passages]
    endpoint.client.ask_all(
        requests, append_to=path, model=Likelihood, key=lambda row: row.key or "", row=row, progress=progress
    )
    return impossible
