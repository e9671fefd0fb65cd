"""Asking judges: every question once in each order, each vote appended as it comes, nothing asked twice.

The votes of a file are the cache: `Vote.cache` identifies judge, version, settings, texts and question, so a rerun asks
only what has no scored vote yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from voicewright.core.documents.judging import Choice, Order, Pair, RaterKind, Vote
from voicewright.core.records import content_id
from voicewright.judging.votes import VoteLog

# Part of the cache: raise it when what a judge is asked changes.
VERSION = 1
ORDERS: tuple[Order, Order] = ("xy", "yx")
Position = Literal["first", "second", "tie"]


@dataclass(frozen=True)
class Question:
    """One question on one pair in one order. `first` and `second` are the texts as shown."""

    pair: str
    name: str
    """voice, quality, or an item of the rubric."""
    order: Order
    first: str
    second: str
    references: tuple[str, ...] = ()
    """Passages of the author."""
    prompt: str = ""
    wording: str = ""
    """Of an item of the rubric: what it means, in the recipe's words."""


@dataclass(frozen=True)
class Answer:
    """The text that a judge chose, by its position; None when there was no usable answer."""

    choice: Position | None
    reason: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    tries: int = 1
    error: str | None = None
    fatal: bool = False
    """Whether no further question to this judge can succeed: a wrong key, no connection."""


Answers = Callable[[Iterable[Question]], Iterator[tuple[Question, Answer]]]
"""Answers questions in any order. It takes a question only when it is ready to ask it: the questions may end early."""


@dataclass(frozen=True)
class PanelJudge:
    """A judge that is ready to be asked."""

    name: str
    kind: RaterKind
    identity: list[Any]
    """A JSON value: what an answer depends on beside the question."""
    answers: Answers


@dataclass
class Progress:
    """What one judge has done so far."""

    asked: int = 0
    reused: int = 0
    """Answers that were given to the same two texts under another pair's id."""
    unscored: int = 0
    usd: float = 0.0
    stopped: str | None = None
    """Why the judge was not asked all questions."""


def one_by_one(ask: Callable[[Question], Answer]) -> Answers:
    """A judge that is a function from a question to its answer."""

    def answers(questions: Iterable[Question]) -> Iterator[tuple[Question, Answer]]:
        for question in questions:
            yield question, ask(question)

    return answers


def questions_on(
    pairs: Iterable[Pair], names: Sequence[str], rubric: Mapping[str, str] | None = None
) -> list[Question]:
    """Every question on every pair in both orders, pair by pair, so that a kill leaves whole pairs."""
    return [
        Question(
            pair=pair.id,
            name=name,
            order=order,
            first=pair.x if order == "xy" else pair.y,
            second=pair.y if order == "xy" else pair.x,
            references=tuple(pair.references) if name == "voice" else (),
            prompt=pair.prompt,
            wording=(rubric or {}).get(name, ""),
        )
        for pair in pairs
        for name in names
        for order in ORDERS
    ]


def cache_id(identity: list[Any], question: Question) -> str:
    """A hash of what an answer depends on: neither the pair's id nor the run is in it."""
    q = question
    return content_id([VERSION, identity, q.name, q.first, q.second, q.references, q.prompt, q.wording], 24)


def choice_of(position: Position | None, order: Order) -> Choice | None:
    """The pair's text that stands at a position of an order."""
    if position is None or position == "tie":
        return position
    return "x" if (position == "first") == (order == "xy") else "y"


def position_of(choice: Choice, order: Order) -> Position:
    """The position of the pair's text in an order."""
    return "tie" if choice == "tie" else ("first" if choice == order[0] else "second")


def collect_votes(
    judge: PanelJudge,
    questions: Sequence[Question],
    log: VoteLog,
    *,
    budget_usd: float | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Ask what has no scored vote in `log` yet, and append each vote as its answer comes.

    Stops early, saying why in `stopped`, on a fatal answer or when the cost reaches `budget_usd`.
    """
    scored = {vote.cache: (vote, vote.vote) for vote in log.votes if vote.cache and vote.vote}
    answered = {(vote.pair, vote.order, vote.cache) for vote in log.votes if vote.cache and vote.vote}
    progress = Progress()

    def vote_on(question: Question, choice: Position | None, reason: str | None) -> Vote:
        return Vote(
            pair=question.pair,
            judge=judge.name,
            kind=judge.kind,
            question=question.name,
            order=question.order,
            cache=cache_id(judge.identity, question),
            vote=choice_of(choice, question.order),
            reason=reason,
        )

    pending: list[Question] = []
    for question in questions:
        cache = cache_id(judge.identity, question)
        if (question.pair, question.order, cache) in answered:
            continue
        if cache in scored:
            # The same two texts in the same order, under another pair's id: the position is what carries over.
            earlier, choice = scored[cache]
            vote = vote_on(question, position_of(choice, earlier.order), earlier.reason)
            log.append(vote.model_copy(update={"reused": True}))
            progress.reused += 1
        else:
            pending.append(question)
    if budget_usd is not None and budget_usd <= 0 and pending:
        progress.stopped = "the budget is spent"

    def until_stopped() -> Iterator[Question]:
        for question in pending:
            if progress.stopped is not None:
                return
            yield question

    for question, answer in judge.answers(until_stopped()):
        progress.asked += 1
        progress.usd += answer.usd
        if answer.fatal:
            progress.stopped = answer.error
            continue
        progress.unscored += answer.choice is None
        vote = vote_on(question, answer.choice, answer.reason)
        log.append(vote.model_copy(update=_details(answer)))
        if budget_usd is not None and progress.usd >= budget_usd:
            progress.stopped = f"the budget of {budget_usd:.2f} US dollars is spent"
        report(progress)
    return progress


def _details(answer: Answer) -> dict[str, int | float | str]:
    """What a vote holds of its answer beside the choice; zeros and None are left out."""
    details = {
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "tries": answer.tries,
        "error": answer.error,
        "usd": answer.usd,
    }
    return {name: value for name, value in details.items() if value}
