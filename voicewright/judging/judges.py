"""Asking judges: every question once in each order, answers kept as they come, nothing asked twice.

A judge is a function from an Ask to an Answer. The rows of votes.jsonl are the cache: `cache` identifies
judge, version, settings, texts, question and order, so a rerun asks only what has no scored answer yet.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from voicewright.core.records import Appender, Row, content_id
from voicewright.recipe.schema import Judge

# Part of the cache: raise it when what a judge is asked changes.
VERSION = 1
ORDERS = ("xy", "yx")


@dataclass(frozen=True)
class Ask:
    """One question on one pair in one order. `first` and `second` are the texts as shown."""

    pair: str
    question: str
    order: str
    first: str
    second: str
    references: tuple[str, ...] = ()
    prompt: str = ""
    wording: str = ""
    """What a rubric's question means, in the recipe's words."""


@dataclass(frozen=True)
class Answer:
    """`choice` is the text shown first, second, a tie, or None when there was no usable answer."""

    choice: str | None
    reason: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    tries: int = 1
    error: str | None = None
    fatal: bool = False
    """No further question to this judge can succeed: a wrong key, no network."""


Asker = Callable[[Ask], Answer]


@dataclass
class Progress:
    """What one judge has done so far."""

    judge: str
    asked: int = 0
    reused: int = 0
    unscored: int = 0
    usd: float = 0.0
    stopped: str | None = None
    errors: list[str] = field(default_factory=list)


def asks(pairs: Sequence[Row], questions: Sequence[str], rubric: Mapping[str, str] | None = None) -> Iterator[Ask]:
    """Every question on every pair in both orders, pair by pair, so that a kill leaves whole pairs."""
    for pair in pairs:
        for question in questions:
            references = tuple(pair.get("references", ())) if question == "voice" else ()
            wording = (rubric or {}).get(question, "")
            for order in ORDERS:
                shown = (pair[order[0]], pair[order[1]])
                yield Ask(pair["id"], question, order, *shown, references, pair.get("prompt", ""), wording)


def cache_id(identity: Any, ask: Ask) -> str:
    """What an answer depends on, and nothing else: the pair's id and the run are not in it."""
    return content_id(
        [VERSION, identity, ask.question, ask.first, ask.second, ask.references, ask.prompt, ask.wording], 24
    )


def vote_of(choice: str | None, order: str) -> str | None:
    """The vote for the pair's x or y, from a choice of the first or second text shown."""
    return {"first": order[0], "second": order[1], "tie": "tie"}.get(choice or "")


def choice_of(vote: str, order: str) -> str:
    """The text that a scored vote chose, as it was shown: first, second or tie."""
    return "tie" if vote == "tie" else ("first" if vote == order[0] else "second")


def cost(settings: Judge, input_tokens: int, output_tokens: int) -> float:
    """US dollars for the tokens."""
    return (input_tokens * settings.input_price + output_tokens * settings.output_price) / 1e6


def put_questions(
    name: str,
    settings: Judge,
    identity: Any,
    asker: Asker,
    wanted: Sequence[Ask],
    votes: Appender,
    *,
    may_spend_usd: float | None = None,
    tell: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Ask what has no scored answer in `votes` yet, `settings.concurrency` at a time, and append each vote at once.

    Stops early, saying why in `stopped`, on a fatal answer or when the counted cost reaches `may_spend_usd`.
    """
    answered = {row["cache"]: row for row in votes.rows if row.get("cache") and row["vote"] is not None}
    done = {(row["pair"], row["order"], row["cache"]) for row in votes.rows if row.get("cache") and row["vote"]}
    progress = Progress(name)
    kind = "built-in" if settings.kind == "stylometric" else "judge"
    pending: list[tuple[Ask, str]] = []
    for ask in wanted:
        key = cache_id(identity, ask)
        if (ask.pair, ask.order, key) in done:
            continue
        if key in answered:
            # The same two texts in the same places, but perhaps under the other names: the choice is what carries over.
            earlier = answered[key]
            vote = vote_of(choice_of(earlier["vote"], earlier["order"]), ask.order)
            known = {"vote": vote, "reason": earlier.get("reason"), "reused": True}
            votes.append({**_head(name, kind, ask, key), **known})
            progress.reused += 1
        else:
            pending.append((ask, key))
    if may_spend_usd is not None and may_spend_usd <= 0 and pending:
        progress.stopped = "the budget is spent"
    with ThreadPoolExecutor(settings.concurrency) as pool:
        queue = iter(pending)
        running: dict[Future[Answer], tuple[Ask, str]] = {}
        while True:
            while progress.stopped is None and len(running) < settings.concurrency:
                item = next(queue, None)
                if item is None:
                    break
                running[pool.submit(asker, item[0])] = item
            if not running:
                return progress
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                ask, key = running.pop(future)
                answer = future.result()
                progress.asked += 1
                paid = cost(settings, answer.input_tokens, answer.output_tokens)
                progress.usd += paid
                vote = vote_of(answer.choice, ask.order)
                if answer.fatal:
                    progress.stopped = answer.error
                    continue
                progress.unscored += vote is None
                if answer.error:
                    progress.errors.append(answer.error)
                head = _head(name, kind, ask, key)
                votes.append({**head, "vote": vote, "reason": answer.reason, **_detail(answer, paid)})
                if may_spend_usd is not None and progress.usd >= may_spend_usd:
                    progress.stopped = f"the budget of {may_spend_usd:.2f} US dollars is spent"
                tell(progress)


def _head(name: str, kind: str, ask: Ask, key: str) -> Row:
    return {
        "pair": ask.pair,
        "judge": name,
        "kind": kind,
        "question": ask.question,
        "order": ask.order,
        "cache": key,
    }


def _detail(answer: Answer, usd: float) -> Row:
    detail = {
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "tries": answer.tries,
        "error": answer.error,
        "usd": usd,
    }
    return {key: value for key, value in detail.items() if value not in (None, 0)}


class RateLimit:
    """At most so many requests a minute, shared by a judge's threads: each waits for its turn."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap_s = 60 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap_s
        time.sleep(turn - now)
