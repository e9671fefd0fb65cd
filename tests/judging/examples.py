"""Made-up texts, pairs, cases and judges for the tests of judging."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.judging.faulty_judges import MARK, Bench
from voicewright.core.documents.judging import QualificationCase
from voicewright.judging.judge_qualification import Cases, draw_cases
from voicewright.judging.judges import Answer, PanelJudge, Question, one_by_one
from voicewright.recipe.schema import Judge, QualificationSettings

WORDS = ["stone", "river", "you", "walk", "the", "of", "and", "light", "door", "hand", "voice", "salt", "never"]


def prose(seed: str, marks: float = 0.0, words: int = 130) -> str:
    """At least `words` words of sentences, of which a share of `marks` hold the author's favourite word."""
    rng = random.Random(seed)
    sentences: list[str] = []
    while sum(len(sentence.split()) for sentence in sentences) < words:
        words_of_sentence = rng.choices(WORDS, k=rng.randint(6, 12)) + ([MARK] if rng.random() < marks else [])
        rng.shuffle(words_of_sentence)
        sentences.append(" ".join(words_of_sentence).capitalize() + ".")
    return " ".join(sentences)


def cases() -> Cases:
    author = [prose(f"a{n}", 0.8) for n in range(14)]
    others = [prose(f"o{n}", 0.05) for n in range(14)]
    base = [prose(f"b{n}", 0.05) for n in range(14)]
    return draw_cases(author, others, base, QualificationSettings(cases=16, words=100), 2, 1)


def case(pair_id: str, x: str, y: str) -> QualificationCase:
    """A case with these texts."""
    return cases().cases[0].model_copy(update={"id": pair_id, "x": x, "y": y})


def settings_of(bench: Bench, model: str, **more: Any) -> Judge:
    given = {"kind": "endpoint", "model": model, "url": bench.url, "concurrency": 8, "first_delay_s": 0.001}
    return Judge(**{**given, **more})


def judge_that(ask: Callable[[Question], Answer], version: str = "1") -> PanelJudge:
    """A judge that answers by a function."""
    return PanelJudge("j", "judge", [version], one_by_one(ask))
