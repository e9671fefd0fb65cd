"""Further passages in the author's style, written by a model: `data.expand`.

They are written after passages of the split train alone, and lie apart from the author's own rows, in
data/completion/synthetic.jsonl; each row names the model that wrote it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import PurePath

from voicewright.core.documents.stats import Drop
from voicewright.core.errors import UserError
from voicewright.core.rows import TrainingRow
from voicewright.core.text import sentence_ends
from voicewright.data import questions, tokenizers
from voicewright.data.checks import duplicates
from voicewright.data.questions import EndpointUsage, Task
from voicewright.data.readers import books, markdown
from voicewright.data.shapes.base import PreparedRow, with_id
from voicewright.data.tokenizers import TokenCounter
from voicewright.recipe.schema import Recipe
from voicewright.serving.server import current_url

PROMPT = (
    "Below are passages by one author. Write a new passage of about {words} words as this author would: the same "
    "voice, person, tense, rhythm and punctuation. Invent what happens in it; do not go on with these passages, retell "
    "or quote them. Answer with the passage alone.\n\n{text}"
)
# More of a model's context does not help, and costs memory and money.
MAX_CONTEXT = 8192
# An answer may be this much longer than its request says; what is too long is cut at a sentence.
OVERLONG = 1.5
TEMPLATE_TOKENS = 64


@dataclass
class SyntheticRows:
    """Passages that a model wrote, and what was left out of them."""

    model: str
    rows: list[PreparedRow] = field(default_factory=list)
    dropped: list[Drop] = field(default_factory=list)
    usage: EndpointUsage = field(default_factory=lambda: EndpointUsage(tokens_in=0, tokens_out=0, cost=0))

    @property
    def words(self) -> int:
        return sum(row.trained_words for row in self.rows)


def expand(
    recipe: Recipe, train: Sequence[PreparedRow], author: Sequence[PreparedRow], counter: TokenCounter, max_tokens: int
) -> SyntheticRows:
    """Passages after those in `train`; none that repeats what stands in any of `author`'s, held out or not."""
    settings = recipe.data.expand
    assert settings is not None
    synthetic = SyntheticRows(writer(recipe))
    own = list({row.row.id: row for row in train}.values())
    random.Random(recipe.data.seed).shuffle(own)
    words, tokens = sum(row.trained_words for row in own), sum(row.row.tokens for row in own)
    context = min(recipe.model.context, MAX_CONTEXT)
    # The length of the recipe, or as much as fits a row and a quarter of the context.
    length = min(settings.words, int(min(max_tokens, context / 4) * words / tokens))
    task = Task(
        section="expand",
        what="passages",
        prompt=PROMPT.replace("{words}", str(length)),
        max_tokens=ceil(OVERLONG * length * tokens / words),
        temperature=settings.temperature,
        parse=lambda answer: [text] if (text := clean_answer(answer)) else [],
    )
    room = context - task.max_tokens - counter.count([task.prompt])[0] - TEMPLATE_TOKENS
    count = ceil(settings.share * words / length)
    examples = [
        _examples(own, random.Random(f"{recipe.data.seed} expand {n}"), n, settings.example_passages, room)
        for n in range(count)
    ]
    answers = questions.answers(examples, task, settings, counter, "data.expand", current_url(recipe, settings.url))
    synthetic.usage = questions.usage(answers.values(), settings)
    known = duplicates.known_runs(str(row.row.text) for row in author)
    min_tokens = min(recipe.data.min_tokens, max_tokens)
    for n, text in enumerate(examples, 1):
        # Answers are often longer than the request says.
        if synthetic.words >= settings.share * words:
            break
        for answer in answers[text].texts if text in answers else ():
            passage = books.straight(answer) if recipe.data.plain_punctuation else answer
            _add(synthetic, f"synthetic:{synthetic.model}#{n}", passage, counter, min_tokens, max_tokens, known)
    return synthetic


def writer(recipe: Recipe) -> str:
    """The model that the rows will name. Raises UserError where it is no model that we know of."""
    settings = recipe.data.expand
    assert settings is not None
    if settings.model is None and settings.url != recipe.serve.url("baseline"):
        raise UserError(
            f"data.expand.url {settings.url} serves another model than this run's base, and each synthetic row says "
            "which model wrote it",
            hint="data.expand.model=<its name there>",
        )
    return settings.model or PurePath(str(recipe.axolotl["base_model"])).name


def clean_answer(answer: str) -> str:
    """An answer as prose in our spelling, up to its last whole sentence; "" where there is none.

    A first line such as "Here is a passage:" is left out.
    """
    paragraphs = markdown.paragraphs(markdown.lines_of(answer.strip()))
    if len(paragraphs) > 1 and paragraphs[0].rstrip().endswith(":") and len(paragraphs[0].split()) < 20:
        paragraphs = paragraphs[1:]
    return whole_sentences(markdown.join(paragraphs).strip())


def whole_sentences(text: str) -> str:
    """The text without a last sentence that breaks off."""
    ends = sentence_ends(text)
    return text[: ends[-1]] if ends else ""


def _examples(own: Sequence[PreparedRow], rng: random.Random, n: int, count: int, room: int) -> str:
    """Up to `count` passages of at most `room` tokens for the n-th request; each of `own` is the first of some."""
    first = own[n % len(own)]
    texts: list[str] = []
    for row in [first, *rng.sample(own, min(count, len(own)))]:
        tokens, text = row.row.tokens, str(row.row.text).strip()
        if tokens > room and not texts:
            texts.append(text[: len(text) * room // tokens])
        if tokens > room or len(texts) == count:
            break
        if text not in texts:
            texts.append(text)
            room -= tokens
    passages = f"\n\n{markdown.SCENE_BREAK}\n\n".join(texts)
    return f"{passages}\n\n(Yours is number {n + 1} of many, each unlike the others.)"


def _add(
    synthetic: SyntheticRows,
    place: str,
    text: str,
    counter: TokenCounter,
    min_tokens: int,
    max_tokens: int,
    known: duplicates.Runs,
) -> None:
    pattern = tokenizers.control_token_pattern(counter.control_tokens)
    text, _ = tokenizers.without_control_tokens(text, pattern, remove=True)
    (tokens,) = counter.count([text])
    while tokens > max_tokens:
        text = whole_sentences(text[: len(text) * max_tokens // tokens])
        (tokens,) = counter.count([text])
    row = with_id(
        TrainingRow(
            id="", source=place, work="synthetic", section="", tokens=tokens, synthetic=synthetic.model, text=text
        )
    )
    reason = (
        "shorter than min_tokens" if tokens < min_tokens
        else "repeats the author's own words" if duplicates.leaks(known, {row.id: text})
        else "the same as another" if row.id in {other.row.id for other in synthetic.rows}
        else None
    )  # fmt: skip
    if reason:
        reason = f"a synthetic passage: {reason}"
        synthetic.dropped.append(Drop(source=place, reason=reason, words=len(text.split())))
    else:
        synthetic.rows.append(PreparedRow(row, "synthetic", place, place))
