"""The shape `qa`: questions that a passage answers, asked by a model; the answer is the passage, word for word.

Questions are kept a passage at a time in runs/.questions/<generator>.jsonl, by passage and generator: a kill loses
none, another recipe with the same passages pays nothing again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from prepare import manuscript
from prepare.asking import Asked, ask_all, generator
from prepare.chats import counted, exchange, needed
from prepare.document import Drop
from prepare.errors import Unreadable
from prepare.pieces import Context, Made, Piece, finished
from prepare.progress import shown
from prepare.templates import Template
from voicewright.errors import UserError, notice
from voicewright.layout import home
from voicewright.records import Appender

# Room in a row for the question; the persona and the template are counted.
TOKENS_OF_QUESTION = 80
# Less is no passage.
FEWEST_TOKENS = 32


def make(context: Context) -> Made:
    """Question and answer rows of every passage of a source."""
    template = needed(context)
    settings = context.data.qa
    if context.source.system is None:
        context = replace(context, source=context.source.model_copy(update={"system": settings.persona}))
    try:
        beside = counted(exchange(".", ".", "", context), context, template)
    except Unreadable as error:
        raise UserError(
            f"data.sources.{context.name}: a question under the system prompt {context.source.system!r} {error.what}",
            mend="data.qa.persona='' leaves the system prompt out",
        ) from None
    room = context.high - beside - TOKENS_OF_QUESTION
    if room < FEWEST_TOKENS:
        raise UserError(
            f"data.max_tokens {context.high} leaves {max(0, room)} tokens for a passage beside its question and the "
            f"persona, expected {FEWEST_TOKENS} or more",
            mend="raise data.max_tokens (and axolotl.sequence_len), or shorten data.qa.persona",
        )
    made = manuscript.make(replace(context, low=min(context.low, room), high=room))
    if made.problems:
        return made
    passages, made.pieces = made.pieces, []
    asked = questions([piece.row["text"] for piece in passages], context)
    covered = sum(text in asked for text in (piece.row["text"] for piece in passages))
    if covered < settings.coverage * len(passages):
        raise UserError(
            f"data.qa: {covered} of {len(passages)} passages have questions, "
            f"fewer than the {settings.coverage:.0%} asked for",
            mend="run prepare again: it goes on from here; if it fails again, look at the endpoint's log",
        )
    for piece in passages:
        _add(made, piece, asked.get(piece.row["text"]), context, template)
    used = _usage(list(asked.values()), context)
    made.asked = {context.name: {"passages": len(passages), "covered": covered, **used}}
    return made


def questions(passages: Sequence[str], context: Context) -> dict[str, Asked]:
    """Questions by passage: those kept from before, and new ones for the rest unless enough are covered."""
    settings = context.data.qa
    path = home() / "runs" / ".questions" / f"{generator(settings, context.counter.dir)}.jsonl"
    with Appender(path) as kept:
        known = {row["passage"]: Asked(row["questions"], row["tokens_in"], row["tokens_out"]) for row in kept.rows}
        missing = [text for text in dict.fromkeys(passages) if text not in known]
        if len(missing) > (1 - settings.coverage) * len(passages):
            tokens_in = sum(context.counter.count(missing)) + 120 * len(missing)
            tokens_out = 40 * settings.per_passage * len(missing)
            notice(
                f"{context.name}: asking for questions on {len(missing)} passages at {settings.url}, about "
                f"{tokens_in:,} tokens in and {tokens_out:,} out{_price(tokens_in, tokens_out, context)}"
            )
            for text, asked in shown(ask_all(missing, settings), len(missing), f"questions on {context.name}"):
                known[text] = asked
                kept.append({"passage": text, **asked._asdict()})
    return {text: known[text] for text in passages if text in known}


def _price(tokens_in: int, tokens_out: int, context: Context) -> str:
    cost = (tokens_in * context.data.qa.price_in + tokens_out * context.data.qa.price_out) / 1e6
    return f", {cost:.2f} at the prices given" if cost else ""


def _usage(asked: list[Asked], context: Context) -> dict[str, float]:
    tokens_in, tokens_out = sum(each.tokens_in for each in asked), sum(each.tokens_out for each in asked)
    cost = (tokens_in * context.data.qa.price_in + tokens_out * context.data.qa.price_out) / 1e6
    return {"tokens_in": tokens_in, "tokens_out": tokens_out, "cost": round(cost, 4)}


def _add(made: Made, piece: Piece, asked: Asked | None, context: Context, template: Template) -> None:
    text, place = piece.row["text"], piece.row["source"]
    if asked is None:
        made.dropped.append(Drop(place, "no questions came for the passage", len(text.split())))
        return
    for question in asked.questions:
        # The passage stays as it is, to the last blank: what is learnt is the writer's, not ours.
        messages = exchange(question, text, place, context)
        tokens = counted(messages, context, template)
        if tokens > context.high:
            made.dropped.append(Drop(place, f"question and passage have {tokens} tokens, more than max_tokens", 0))
            continue
        about = {key: piece.row[key] for key in ("source", "cleaned", "work", "section")}
        row = {**about, "tokens": tokens, "messages": messages}
        made.pieces.append(Piece(finished(row), "chat", context.name, piece.unit, piece.part))
