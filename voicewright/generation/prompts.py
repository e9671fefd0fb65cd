"""What every arm is asked: the same prompts, seeds and lengths, in the format that the model was trained in."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import field_validator

from voicewright.core.documents.base import Document, parse, read_documents
from voicewright.core.documents.generation import DrawnWith
from voicewright.core.errors import UserError
from voicewright.core.paths import PROMPTS_DIR, Run
from voicewright.core.records import content_id, read_rows
from voicewright.core.rows import Message, PromptFormat, TrainingRow, evenly_spaced, mode_frame
from voicewright.core.text import first_words, sentence_ends
from voicewright.recipe.schema import Eval, Recipe, Sampling
from voicewright.serving.client import Request
from voicewright.serving.endpoint import Endpoint

TRAINING = "training"
BETWEEN_PASSAGES = "\n\n* * *\n\n"
# What a passage answers in the prompted arm of a chat model, where its row names no question.
NEUTRAL_QUESTION = "Write as you write."
# The prompted arm's passages never crowd out the answer beyond this share of the context.
LEAST_PASSAGE_SHARE = 0.25
SEPARATOR_TOKENS = 16
# A continuation shorter than this is no reference.
MIN_REFERENCE_WORDS = 40
WORD = re.compile(r"\S+")
PARAGRAPH_START = re.compile(r"(?:\A|\n\s*\n)")
SPACE = re.compile(r"\s*")


@dataclass(frozen=True)
class Prompt:
    """One thing that every arm is asked."""

    id: str
    domain: str
    text: str
    """What a reader is shown: the opening, or the last user turn."""
    set: str
    """heldout, training, or the file that it comes from."""
    messages: tuple[Message, ...] = ()
    """A conversation of the author's up to the answer; empty for a text of its own."""
    reference: str | None = None
    reference_source: str | None = None
    framed: str | None = None
    """`text` as it stands in a sample of a mode, up to where the answer begins."""

    @property
    def raw_text(self) -> str:
        """What is sent to a model that is not asked in chat."""
        return self.text if self.framed is None else self.framed

    @property
    def before(self) -> str:
        """The turns before `text`, as one text; "" where the text stands alone."""
        return "\n\n".join(message.text for message in self.messages[:-1])


@dataclass(frozen=True)
class GenerationRequest:
    """One request to an endpoint, and what it is for."""

    prompt: Prompt
    sample: int
    request: Request
    passages: list[str]
    """Ids of the training rows shown before the opening."""

    @property
    def drawn_with(self) -> DrawnWith:
        """The sampling settings, as the generation's row names them."""
        return DrawnWith.model_validate({**(self.request.sampling or {}), "max_tokens": self.request.max_tokens})


class PromptLine(Document):
    """A line of `benchmarks/prompts/*.jsonl`."""

    id: str
    domain: str
    text: str

    @field_validator("id", "domain", "text")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("Expected a string that is not blank")
        return value


def prompts(run: Run, form: PromptFormat, settings: Eval) -> list[Prompt]:
    """Held-out openings, then the recipe's prompt files. Raises UserError for a file that is missing or malformed."""
    heldout = list(read_documents(run.rows_path(form.shape, "heldout"), TrainingRow))
    listed = _from_rows(heldout, "heldout", settings.openings, form, settings)
    frame = mode_frame(heldout)
    for name in settings.prompts:
        lines = read_prompts(PROMPTS_DIR / f"{name}.jsonl")
        listed += [replace(line, framed=frame[0] + line.text + frame[1]) for line in lines] if frame else lines
    ids = [prompt.id for prompt in listed]
    duplicates = sorted({each for each in ids if ids.count(each) > 1})
    if duplicates:
        raise UserError(f"prompt ids given twice: {', '.join(duplicates)}")
    return listed


def prefixes(run: Run, form: PromptFormat, settings: Eval) -> list[Prompt]:
    """Openings of training text: what follows them shows what was learnt by heart."""
    if not settings.training_prefixes:
        return []
    training = list(read_documents(run.rows_path(form.shape, "train"), TrainingRow))
    return _from_rows(training, TRAINING, settings.training_prefixes, form, settings)


def read_prompts(path: Path) -> list[Prompt]:
    """The prompts of a file. Raises UserError naming every line that lacks something."""
    if not path.exists():
        names = sorted(each.stem for each in PROMPTS_DIR.glob("*.jsonl"))
        raise UserError(f"eval.prompts: there is no {path.name}. Files: {', '.join(names)}")
    lines: list[PromptLine] = []
    problems: list[str] = []
    for number, row in enumerate(read_rows(path), 1):
        try:
            lines.append(parse(PromptLine, row, f"{path}:{number}"))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return [Prompt(line.id, line.domain, line.text, path.stem) for line in lines]


def requests(
    prompts: Iterable[Prompt],
    form: PromptFormat,
    recipe: Recipe,
    endpoint: Endpoint,
    training: Sequence[TrainingRow] | None,
) -> list[GenerationRequest]:
    """Every request of an arm: each prompt with each sample's seed; one sample of a training prefix.

    `training` are the rows that the prompted arm is shown passages of; None for every other arm.
    """
    listed = []
    for prompt in prompts:
        request, passages = _request(prompt, form, recipe, endpoint, training)
        for sample in range(1 if prompt.set == TRAINING else recipe.eval.samples):
            seed = sample_seed(recipe.eval.seed, prompt.id, sample)
            listed.append(GenerationRequest(prompt, sample, replace(request, seed=seed), passages))
    return listed


def sample_seed(seed: int, prompt_id: str, sample: int) -> int:
    """The seed of one sample of one prompt, the same for every arm."""
    return int(content_id([seed, prompt_id, sample], 8), 16) % 2**31


def sampling_fields(settings: Sampling) -> dict[str, object]:
    """The sampling settings that are set, as fields of a request."""
    return {key: value for key, value in settings.model_dump().items() if value is not None}


def split_answer(row: TrainingRow) -> tuple[list[Message], str]:
    """A chat or preference row as the conversation so far and the author's last answer, "" where there is none."""
    messages = row.messages or []
    if row.chosen is not None:
        return [_turn(message) for message in messages], row.chosen.text
    last = max((n for n, message in enumerate(messages) if message.is_authors), default=len(messages))
    return [_turn(message) for message in messages[:last]], messages[last].text if last < len(messages) else ""


def with_system(conversation: list[Message], form: PromptFormat) -> list[Message]:
    """A conversation that begins with the system prompt of the format, if it has none of its own."""
    if form.system and not any(message.role == "system" for message in conversation):
        return [Message(role="system", content=form.system), *conversation]
    return conversation


# --- openings of the author's text


@dataclass(frozen=True)
class Opening:
    """Where a text of the author's is broken off, and how it goes on."""

    id: str
    text: str
    reference: str
    source: str
    """The source of the row in which it begins."""


@dataclass(frozen=True)
class _Stretch:
    """Consecutive rows of one section, joined."""

    text: str
    starts: list[tuple[int, str]]
    """Where each row begins, and its source."""


def openings(rows: Iterable[TrainingRow], count: int, opening_words: int, reference_words: int) -> list[Opening]:
    """Up to `count` openings of `opening_words` words, spread evenly over the text.

    Each begins at a sentence and no two overlap; a short text gives fewer. References have at most
    `reference_words` words and end where their section does.
    """
    places = []
    texts = set()
    for stretch in _stretches(rows):
        words = [match.span() for match in WORD.finditer(stretch.text)]
        starts = sentence_starts(stretch.text)
        last = len(words) - opening_words - MIN_REFERENCE_WORDS
        free_from = 0
        for i, (start, _) in enumerate(words[: max(0, last + 1)]):
            text = stretch.text[start : words[i + opening_words - 1][1]]
            # A refrain is asked once.
            if start in starts and i >= free_from and text not in texts:
                places.append((stretch, words, i))
                texts.add(text)
                free_from = i + opening_words
    return [_opening(*place, opening_words, reference_words) for place in evenly_spaced(places, count)]


def sentence_starts(text: str) -> set[int]:
    """Positions at which a sentence or a paragraph begins."""
    begins = [match.end() for match in PARAGRAPH_START.finditer(text)] + sentence_ends(text)
    return {match.end() for begin in begins if (match := SPACE.match(text, begin))} - {len(text)}


def _opening(
    stretch: _Stretch, words: list[tuple[int, int]], i: int, opening_words: int, reference_words: int
) -> Opening:
    start, end = words[i][0], words[i + opening_words - 1][1]
    stop = words[min(i + opening_words + reference_words, len(words)) - 1][1]
    text = stretch.text[start:end]
    source = next(source for begin, source in reversed(stretch.starts) if begin <= start)
    return Opening(content_id(text), text, stretch.text[end:stop].strip(), source)


def _stretches(rows: Iterable[TrainingRow]) -> list[_Stretch]:
    """Rows of a section joined again: the chunks of a document follow one another without a gap."""
    by_section: dict[tuple[str | None, str | None], list[TrainingRow]] = {}
    for row in rows:
        by_section.setdefault((row.work, row.section), []).append(row)
    stretches = []
    for members in by_section.values():
        text, starts = "", []
        for row in members:
            piece = row.text or ""
            if text and not (text[-1].isspace() or piece[:1].isspace()):
                text += "\n\n"
            starts.append((len(text), row.source))
            text += piece
        stretches.append(_Stretch(text, starts))
    return stretches


def _from_rows(rows: list[TrainingRow], name: str, count: int, form: PromptFormat, settings: Eval) -> list[Prompt]:
    """Openings of a split's passages, or its samples or conversations up to the answer: set and domain are its name."""
    if mode_frame(rows):
        return [
            Prompt(f"{name}-{row.id}", name, row.mode_question, name, (), reference, row.source, framed=row.mode_prompt)
            for row in evenly_spaced(rows, count)
            if (reference := first_words(row.mode_answer, settings.max_words))
        ]
    if form.shape == "completion":
        return [
            Prompt(f"{name}-{opening.id}", name, opening.text, name, (), opening.reference, opening.source)
            for opening in openings(rows, count, settings.opening_words, settings.max_words)
        ]
    listed = []
    for row in evenly_spaced(rows, count):
        conversation, answer = split_answer(row)
        reference = first_words(answer, settings.max_words)
        question = _last_question(conversation) or ""
        listed.append(Prompt(f"{name}-{row.id}", name, question, name, tuple(conversation), reference, row.source))
    return listed


# --- requests


def _request(
    prompt: Prompt, form: PromptFormat, recipe: Recipe, endpoint: Endpoint, training: Sequence[TrainingRow] | None
) -> tuple[Request, list[str]]:
    """The request of a prompt, its seed yet to be set, and the ids of the passages shown before it."""
    settings = recipe.eval
    context = endpoint.context or recipe.model.context
    longest = math.ceil(settings.max_words * settings.tokens_per_word)
    text, messages = _with_passages(prompt, form, [])
    used = _tokens(endpoint, text, messages)
    passages: list[tuple[TrainingRow, str]] = []
    if training is not None:
        # The passage that a training prefix opens would be copied from the prompt, not from memory.
        others = [row for row in training if row.source != prompt.reference_source]
        # What the answer leaves of the context, but at least a share of it.
        budget = max(context - used - longest - SEPARATOR_TOKENS, int(context * LEAST_PASSAGE_SHARE) - SEPARATOR_TOKENS)
        passages = _fitting(evenly_spaced(others, settings.prompted_passages), budget, endpoint.count)
        text, messages = _with_passages(prompt, form, passages)
        used = _tokens(endpoint, text, messages)
        # In a conversation a passage brings the question it answers: then one passage fewer, until an answer has room.
        while passages and used + min(longest, settings.max_words) > context:
            passages.pop()
            text, messages = _with_passages(prompt, form, passages)
            used = _tokens(endpoint, text, messages)
    if context - used < 1:
        raise UserError(
            f"prompt {prompt.id} has {used} tokens and the context of {endpoint.model!r} holds {context}",
            hint=f"make generate RUN={recipe.run} SET=eval.opening_words={max(1, settings.opening_words // 2)}",
        )
    max_tokens = min(longest, context - used)
    sampling = sampling_fields(recipe.model.sampling)
    if form.open_ended and endpoint.tokenizes:
        # A passage ends where prepare cut it, not where the text does: a model trained on passages would stop early,
        # and lengths would differ by arm. vLLM holds the end back; the text is cut at max_words afterwards.
        sampling["min_tokens"] = max_tokens
    if form.stop:
        sampling["stop"] = form.stop
        if endpoint.tokenizes:  # vLLM leaves special tokens out of a text before it looks for the end
            sampling["skip_special_tokens"] = False
    prompt_text = None if messages is not None else text
    request = Request(endpoint.model, max_tokens, prompt=prompt_text, messages=messages, sampling=sampling)
    return request, [row.id for row, _ in passages]


def _with_passages(
    prompt: Prompt, form: PromptFormat, passages: Sequence[tuple[TrainingRow, str]]
) -> tuple[str, list[Message] | None]:
    """The prompt with passages before it: as preceding text, or as earlier turns of the conversation."""
    if not form.is_chat:
        return BETWEEN_PASSAGES.join([*(passage for _, passage in passages), prompt.raw_text]), None
    messages = list(prompt.messages) or with_system([Message(role="user", content=prompt.text)], form)
    earlier: list[Message] = []
    for row, passage in passages:
        question = (_last_question(split_answer(row)[0]) if row.messages is not None else None) or NEUTRAL_QUESTION
        earlier += [Message(role="user", content=question), Message(role="assistant", content=passage)]
    system = [message for message in messages if message.role == "system"]
    return prompt.text, [*system, *earlier, *(message for message in messages if message.role != "system")]


def _fitting(rows: Sequence[TrainingRow], budget: int, count: Callable[[str], int]) -> list[tuple[TrainingRow, str]]:
    """The rows with their passages, each cut at a word to an equal share of the budget in tokens."""
    fitting = []
    for n, row in enumerate(rows):
        share = budget // (len(rows) - n)
        text = row.text if row.text is not None else split_answer(row)[1]
        size = count(text)
        while size > share and text:
            words = len(text.split())
            text = first_words(text, max(0, min(words - 1, words * share // size)))
            size = count(text)
        if len(text.split()) >= MIN_REFERENCE_WORDS // 2:
            fitting.append((row, text))
            budget -= size
    return fitting


def _tokens(endpoint: Endpoint, text: str, messages: Sequence[Message] | None) -> int:
    return endpoint.count(text) if messages is None else endpoint.count_messages(messages)


def _last_question(conversation: Sequence[Message]) -> str | None:
    return next((message.text for message in reversed(conversation) if message.role == "user"), None)


def _turn(message: Message) -> Message:
    """A turn as an endpoint takes it: its role and text alone."""
    return Message(role=message.role, content=message.text)
