"""Further passages in the author's style, written by a model: `data.expand`.

They are written after passages that are trained on, never after what is validated on or held out, and kept apart from
all of the author's own: in data/completion/synthetic.jsonl, each row saying what wrote it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import PurePath

from voicewright.core.errors import UserError
from voicewright.data import books, control_tokens, plain_text, questions
from voicewright.data.checks import duplicates
from voicewright.data.document import Drop, sentences
from voicewright.data.pieces import Piece, finished
from voicewright.data.questions import Put
from voicewright.data.tokenizers import Counter
from voicewright.recipe.schema import Recipe

PROMPT = (
    "Below are passages by one author. Write a new passage of about {words} words as this author would: the same "
    "voice, person, tense, rhythm and punctuation. Invent what happens in it; do not go on with these passages, retell "
    "or quote them. Answer with the passage alone.\n\n{text}"
)
# More of a model's context is no help, and costs memory and money.
MOST_CONTEXT = 8192
# An answer may be longer than it was asked to be, and is cut at a sentence.
OVERLONG = 1.5
TEMPLATE_TOKENS = 64


@dataclass
class Expanded:
    """Synthetic rows, by whom, and what was left out of them."""

    by: str
    pieces: list[Piece] = field(default_factory=list)
    dropped: list[Drop] = field(default_factory=list)
    asked: dict[str, float] = field(default_factory=dict)


def make(recipe: Recipe, train: Sequence[Piece], author: Sequence[Piece], counter: Counter, high: int) -> Expanded:
    """Passages after those in `train`; none that repeats what stands in any of `author`'s, held out or not."""
    settings = recipe.data.expand
    assert settings is not None
    made = Expanded(writer(recipe))
    own = list({piece.row["id"]: piece for piece in train}.values())
    random.Random(recipe.data.seed).shuffle(own)
    words, tokens = (sum(sizes) for sizes in zip(*map(_size, own), strict=True))
    context = min(recipe.model.context, MOST_CONTEXT)
    # As long as was asked for, or as fits a row and a quarter of the context.
    length = min(settings.words, int(min(high, context / 4) * words / tokens))
    put = Put(
        "expand", "passages", PROMPT.replace("{words}", str(length)), ceil(OVERLONG * length * tokens / words),
        settings.temperature, parsed=lambda said: [text] if (text := whole(said)) else [],
    )  # fmt: skip
    room = context - put.most_tokens - counter.count([put.prompt])[0] - TEMPLATE_TOKENS
    count = ceil(settings.share * words / length)
    shown = [
        _shown(own, random.Random(f"{recipe.data.seed} expand {n}"), n, settings.shown, room) for n in range(count)
    ]
    answers = questions.answers(shown, put, settings, counter, "data.expand")
    made.asked = questions.usage(list(answers.values()), settings)
    known = duplicates.known_runs(str(piece.row["text"]) for piece in author)
    low = min(recipe.data.min_tokens, high)
    for n, text in enumerate(shown, 1):
        # Answers are often longer than was asked for.
        if sum(_size(piece)[0] for piece in made.pieces) >= settings.share * words:
            break
        for said in answers[text].texts if text in answers else ():
            said = books.straight(said) if recipe.data.plain_punctuation else said
            _add(made, f"synthetic:{made.by}#{n}", said, counter, low, high, known)
    return made


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


def _size(piece: Piece) -> tuple[int, int]:
    return len(str(piece.row["text"]).split()), int(piece.row["tokens"])


def _shown(own: Sequence[Piece], rng: random.Random, n: int, most: int, room: int) -> str:
    """Passages to write the n-th after, as many as there is room for; each is the first of some in its turn."""
    first = own[n % len(own)]
    found: list[str] = []
    for piece in [first, *rng.sample(own, min(most, len(own)))]:
        tokens = int(piece.row["tokens"])
        text = str(piece.row["text"]).strip()
        if tokens > room and not found:
            found.append(text[: len(text) * room // tokens])
        if tokens > room or len(found) == most:
            break
        if text not in found:
            found.append(text)
            room -= tokens
    passages = f"\n\n{plain_text.SCENE_BREAK}\n\n".join(found)
    return f"{passages}\n\n(Yours is number {n + 1} of many, each unlike the others.)"


def whole(said: str) -> str:
    """An answer as prose in our spelling, up to its last whole sentence; "" where there is none.

    A first line such as "Here is a passage:" is no part of it.
    """
    paragraphs = plain_text.paragraphs(plain_text.lines_of(said.strip()))
    if len(paragraphs) > 1 and paragraphs[0].rstrip().endswith(":") and len(paragraphs[0].split()) < 20:
        paragraphs = paragraphs[1:]
    return up_to_a_sentence(plain_text.join(paragraphs).strip())


def up_to_a_sentence(text: str) -> str:
    """The text without a last sentence that breaks off."""
    spans = [*sentences(text, (0, len(text)))]
    while spans and not text[: spans[-1][1]].rstrip().rstrip("\"'”’)*_").endswith((".", "!", "?", "…")):
        spans.pop()
    return text[: spans[-1][1]].rstrip() if spans else ""


def _add(made: Expanded, place: str, text: str, counter: Counter, low: int, high: int, known: duplicates.Runs) -> None:
    text, _ = control_tokens.without(text, control_tokens.pattern(counter.control), remove=True)
    (tokens,) = counter.count([text])
    while tokens > high:
        text = up_to_a_sentence(text[: len(text) * high // tokens])
        (tokens,) = counter.count([text])
    about = {"source": place, "work": "synthetic", "section": "", "tokens": tokens, "synthetic": made.by}
    row = finished({**about, "text": text})
    reason = (
        "shorter than min_tokens" if tokens < low
        else "repeats the author's own words" if duplicates.leaks(known, {row["id"]: text})
        else "the same as another" if row["id"] in {piece.row["id"] for piece in made.pieces}
        else None
    )  # fmt: skip
    if reason:
        made.dropped.append(Drop(place, f"a synthetic passage: {reason}", len(text.split())))
    else:
        made.pieces.append(Piece(row, "completion", "synthetic", place, place))
