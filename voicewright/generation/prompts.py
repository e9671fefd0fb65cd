"""What every arm is asked: the same prompts, seeds and lengths, put as the model was trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from voicewright.core import modes
from voicewright.core.errors import UserError
from voicewright.core.paths import PROMPTS_DIR, Run
from voicewright.core.records import Row, content_id, read_json, read_rows
from voicewright.generation import openings
from voicewright.recipe.schema import Eval, Recipe, Sampling
from voicewright.serving import endpoint as served
from voicewright.serving.endpoint import Endpoint
from voicewright.serving.old_client import Patience, Request

Message = dict[str, str]
TRAINING = "training"
BETWEEN_PASSAGES = "\n\n* * *\n\n"
# The prompted arm's passages never crowd out the answer beyond this share of the context.
LEAST_PASSAGE_SHARE = 0.25


@dataclass(frozen=True)
class Prompt:
    """One thing that every arm is asked."""

    id: str
    domain: str
    text: str
    """What a reader is shown: the opening, or the last thing the user said."""
    set: str
    """heldout, training, or the file it comes from."""
    messages: list[Message] = field(default_factory=list)
    """A conversation of the author's up to the answer; empty for a text of its own."""
    reference: str | None = None
    reference_source: str | None = None
    framed: str | None = None
    """`text` as it stands in a sample of a mode, up to where the answer begins."""

    @property
    def put(self) -> str:
        """What is put to a model that is given no messages."""
        return self.text if self.framed is None else self.framed

    @property
    def before(self) -> str:
        """What was said before `text`, all turns; nothing where the text stands alone."""
        return "\n\n".join(message["content"] for message in self.messages[:-1])


@dataclass(frozen=True)
class Format:
    """How a prompt must be put to the model: what `prepare` wrote down in stats.json."""

    shape: str
    chat: bool
    system: str | None
    open_ended: bool = False
    """A row ends where it was cut, not where its text is over."""
    stop: str | None = None
    """What ends an answer, where the model's own end of text does not."""


@dataclass(frozen=True)
class Ask:
    """One request to an endpoint, and what it is for."""

    prompt: Prompt
    sample: int
    request: Request
    passages: list[str]
    """Ids of the training rows shown before the opening."""


def read_format(run: Run) -> Format:
    """The format of a run's data. Raises UserError before `prepare` has run."""
    if not run.stats_path.exists():
        raise UserError(f"{run.stats_path}: the data of run {run.name!r} is not there", hint="make prepare RECIPE=...")
    found = read_json(run.stats_path)["format"]
    chat, open_ended = found["prompt"] == "chat", bool(found.get("open_ended"))
    return Format(found["shape"], chat, found.get("system"), open_ended, found.get("stop"))


def prompts(run: Run, form: Format, settings: Eval) -> list[Prompt]:
    """Held-out openings, then the recipe's prompt files. Raises UserError for a file that is missing or malformed."""
    heldout = list(read_rows(run.rows_path(form.shape, "heldout")))
    found = _from_rows(heldout, "heldout", settings.openings, form, settings)
    frame = modes.around(heldout)
    for name in settings.prompts:
        listed = read_prompts(PROMPTS_DIR / f"{name}.jsonl")
        found += [replace(p, framed=frame[0] + p.text + frame[1]) for p in listed] if frame else listed
    twice = {p.id for p in found if sum(q.id == p.id for q in found) > 1}
    if twice:
        raise UserError(f"prompt ids given twice: {', '.join(sorted(twice))}")
    return found


def prefixes(run: Run, form: Format, settings: Eval) -> list[Prompt]:
    """Openings of training text: what follows them shows what was learnt by heart."""
    training = list(read_rows(run.rows_path(form.shape, "train"))) if settings.training_prefixes else []
    return _from_rows(training, TRAINING, settings.training_prefixes, form, settings)


def read_prompts(path: Path) -> list[Prompt]:
    """The prompts of a file. Raises UserError naming every row that lacks something."""
    if not path.exists():
        there = sorted(p.stem for p in PROMPTS_DIR.glob("*.jsonl"))
        raise UserError(f"eval.prompts: there is no {path.name}. Files: {', '.join(there)}")
    rows = list(read_rows(path))
    problems = [
        f"{path}:{n}: expected a string {key!r}"
        for n, row in enumerate(rows, 1)
        for key in ("id", "domain", "text")
        if not isinstance(row.get(key), str) or not row[key].strip()
    ]
    if problems:
        raise UserError(problems)
    return [Prompt(row["id"], row["domain"], row["text"], path.stem) for row in rows]


def asks(
    listed: list[Prompt], form: Format, recipe: Recipe, endpoint: Endpoint, training: list[Row] | None
) -> list[Ask]:
    """Every request of an arm: each prompt with each sample's seed; one sample of a training prefix.

    `training` are the rows that the prompted arm is shown passages of; None for every other arm.
    """
    settings = recipe.eval
    found = []
    for prompt in listed:
        request, passages = _request(prompt, form, recipe, endpoint, training)
        for sample in range(1 if prompt.set == TRAINING else settings.samples):
            seed = int(content_id([settings.seed, prompt.id, sample], 8), 16) % 2**31
            made = Request(request.prompt, request.messages, request.max_tokens, seed, request.sampling)
            found.append(Ask(prompt, sample, made, passages))
    return found


def sampling(settings: Sampling) -> dict[str, float | int | str]:
    """The sampling settings that are set."""
    return {key: value for key, value in settings.model_dump().items() if value is not None}


def patience(settings: Eval) -> Patience:
    """How long to bear with an endpoint."""
    return Patience(settings.attempts, timeout_s=settings.timeout_s)


def _from_rows(rows: list[Row], name: str, count: int, form: Format, settings: Eval) -> list[Prompt]:
    """Openings of a split's passages, or its samples or conversations up to the answer: set and domain are its name."""
    if modes.around(rows):
        return [
            Prompt(f"{name}-{row['id']}", name, modes.cue(row), name, [], reference, row["source"], modes.question(row))
            for row in openings.spread(rows, count)
            if (reference := openings.first_words(modes.reply(row), settings.max_words))
        ]
    if form.shape == "completion":
        cut = openings.cut(rows, count, settings.opening_words, settings.max_words)
        return [Prompt(f"{name}-{o.id}", name, o.text, name, [], o.reference, o.source) for o in cut]
    found = []
    for row in openings.spread(rows, count):
        conversation, answer = part_answer(row)
        asked = next((m["content"] for m in reversed(conversation) if m["role"] == "user"), "")
        reference = openings.first_words(answer, settings.max_words)
        found.append(Prompt(f"{name}-{row['id']}", name, asked, name, conversation, reference, row["source"]))
    return found


def part_answer(row: Row) -> tuple[list[Message], str]:
    """A chat or preference row as the conversation so far and the author's answer."""
    messages = [{"role": str(m["role"]), "content": str(m["content"])} for m in row["messages"]]
    if "chosen" in row:
        return messages, str(row["chosen"]["content"])
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=len(messages))
    return messages[:last], messages[last]["content"] if last < len(messages) else ""


def _request(
    prompt: Prompt, form: Format, recipe: Recipe, endpoint: Endpoint, training: list[Row] | None
) -> tuple[Request, list[str]]:
    settings = recipe.eval
    wanted = math.ceil(settings.max_words * settings.tokens_per_word)
    messages = _messages(prompt, form) if form.chat else None
    used = _tokens(endpoint, prompt.put, messages)
    passages: list[Row] = []
    text = prompt.put
    if training is not None:
        # The passage that a training prefix opens would be copied from the prompt, not from memory.
        others = [row for row in training if row["source"] != prompt.reference_source]
        shown = openings.spread(others, settings.prompted_passages)
        budget = _passage_budget(endpoint.context or recipe.model.context, used, wanted)
        passages = _fitting(shown, budget, lambda words: served.count(endpoint, words))
        text, messages, used = _shown(prompt, messages, passages, endpoint)
        # In a conversation a passage brings the question it answers: then one passage fewer, until an answer has room.
        while passages and used + min(wanted, settings.max_words) > (endpoint.context or recipe.model.context):
            passages.pop()
            text, messages, used = _shown(prompt, _messages(prompt, form) if form.chat else None, passages, endpoint)
    room = (endpoint.context or recipe.model.context) - used
    if room < 1:
        raise UserError(
            f"prompt {prompt.id} has {used} tokens and the context of {endpoint.model!r} holds {used + room}",
            hint="a lower eval.opening_words, or a model with a longer context",
        )
    length = min(wanted, room)
    drawn = sampling(recipe.model.sampling)
    if form.open_ended and endpoint.tokenizes:
        # A passage ends where prepare cut it, not where the text does: a model trained on passages would stop early,
        # and lengths would differ by arm. vLLM holds the end back; the text is cut at max_words afterwards.
        drawn["min_tokens"] = length
    if form.stop:
        drawn |= {"stop": form.stop}
        if endpoint.tokenizes:  # vLLM leaves special tokens out of a text before it looks for the end
            drawn["skip_special_tokens"] = False
    return Request(None if form.chat else text, messages, length, 0, drawn), [row["id"] for row in passages]


def _messages(prompt: Prompt, form: Format) -> list[Message]:
    if prompt.messages:
        return prompt.messages
    system = [{"role": "system", "content": form.system}] if form.system else []
    return [*system, {"role": "user", "content": prompt.text}]


def _tokens(endpoint: Endpoint, text: str, messages: list[Message] | None) -> int:
    if messages is None:
        return served.count(endpoint, text)
    return served.count_messages(endpoint, messages)


def _passage_budget(context: int, used: int, wanted: int) -> int:
    """Tokens that passages may take: what the answer leaves, but at least a quarter of the context."""
    margin = 16  # separators
    return max(context - used - wanted - margin, int(context * LEAST_PASSAGE_SHARE) - margin)


def _fitting(rows: list[Row], budget: int, count: Callable[[str], int]) -> list[Row]:
    """The passages, each cut at a sentence or a word to an equal share of the budget."""
    found = []
    for n, row in enumerate(rows):
        share = budget // (len(rows) - n)
        text = _passage_text(row)
        size = count(text)
        while size > share and text:
            words = len(text.split())
            text = openings.first_words(text, max(0, min(words - 1, words * share // size)))
            size = count(text)
        if len(text.split()) >= openings.MIN_REFERENCE_WORDS // 2:
            found.append({**row, "passage": text})
            budget -= size
    return found


def _passage_text(row: Row) -> str:
    return str(row["text"]) if "text" in row else part_answer(row)[1]


def _shown(
    prompt: Prompt, messages: list[Message] | None, passages: list[Row], endpoint: Endpoint
) -> tuple[str, list[Message] | None, int]:
    """The prompt with passages before it, and its tokens."""
    text, turns = _with_passages(prompt, messages, passages)
    return text, turns, _tokens(endpoint, text, turns)


def _with_passages(
    prompt: Prompt, messages: list[Message] | None, passages: list[Row]
) -> tuple[str, list[Message] | None]:
    """The prompt with passages before it: as preceding text, or as earlier turns of the conversation."""
    shown = [str(row["passage"]) for row in passages]
    if messages is None:
        return BETWEEN_PASSAGES.join([*shown, prompt.put]), None
    turns: list[Message] = []
    for row, passage in zip(passages, shown, strict=True):
        before = part_answer(row)[0] if "messages" in row else []
        asked = next((m["content"] for m in reversed(before) if m["role"] == "user"), "Write as you write.")
        turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": passage}]
    system = [m for m in messages if m["role"] == "system"]
    return prompt.text, [*system, *turns, *[m for m in messages if m["role"] != "system"]]


def sampling_of(ask: Ask) -> dict[str, Any]:
    """How an answer was drawn, as a generation's row says it."""
    return {**ask.request.sampling, "max_tokens": ask.request.max_tokens}
