"""Prose without a writer, for tests: sentences of listed words in the habits of a made-up author."""

from __future__ import annotations

import random
from dataclasses import dataclass

from voicewright.core.paths import SAMPLE_DIR


def _list(words: str) -> list[str]:
    return words.split()


NOUNS = _list("house river road garden letter window lamp stone field captain doctor morning evening winter door")
VERBS = _list("saw took left found kept gave held turned called opened crossed followed watched carried")
ADJECTIVES = _list("old quiet bright heavy narrow distant gentle broken golden empty")


@dataclass(frozen=True)
class Habits:
    """Of a made-up author."""

    subjects: tuple[str, ...] = ("he", "she", "they")
    joiner: str = ", and "
    end: str = "."
    clauses: int = 2
    article: str = "the"


def prose(words: int, seed: int, habits: Habits | None = None) -> str:
    """About so many words; the same seed gives the same text."""
    habits, draw = habits or Habits(), random.Random(seed)
    sentences, count = [], 0
    while count < words:
        clauses = [
            f"{draw.choice(habits.subjects)} {draw.choice(VERBS)} {habits.article} {draw.choice(ADJECTIVES)} "
            f"{draw.choice(NOUNS)}"
            for _ in range(draw.randint(1, habits.clauses))
        ]
        sentence = habits.joiner.join(clauses)
        sentences.append(sentence[0].upper() + sentence[1:] + habits.end)
        count += len(sentence.split())
    return "\n\n".join(" ".join(sentences[i : i + 4]) for i in range(0, len(sentences), 4))


def chapters() -> list[str]:
    """The sample manuscript's chapters."""
    return [path.read_text(encoding="utf-8") for path in sorted(SAMPLE_DIR.glob("*.md"))]
