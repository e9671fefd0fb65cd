"""Abilities of the base model: what an arm retains of its answers, and of its scores on tasks."""

from __future__ import annotations

import pytest

from voicewright.core.documents.generation import LmEvalResult, TaskScores
from voicewright.core.documents.voice_report import TaskComparison
from voicewright.metrics import forgetting


def test_a_model_that_still_answers_is_not_worse_and_one_that_does_not_is() -> None:
    base = {f"p{i}": [f"The capital number {i} is Paris", f"It is Paris, capital number {i}"] for i in range(12)}
    other = {prompt: ["You wait by the river", "Nobody comes down the ladder"] for prompt in base}
    domains = dict.fromkeys(base, "facts")
    arms = forgetting.retained_abilities({"baseline": base, "same": base, "lost": other}, domains, 300, 1)
    assert arms["same"]["all"].outcome == "not worse" and arms["lost"]["all"].outcome == "worse"
    assert arms["same"]["all"].value == pytest.approx(100)
    alone = {prompt: texts[:1] for prompt, texts in base.items()}
    single = forgetting.retained_abilities({"baseline": alone, "same": alone}, domains, 300, 1)
    assert single["same"]["all"].outcome == "not available"


def result(values: list[float], metric: str | None = "acc") -> LmEvalResult:
    numbered = {str(i): value for i, value in enumerate(values)}
    scores = TaskScores(metric=metric, values=numbered, why=None if metric else "no metric")
    return LmEvalResult(arm="any", tasks={"facts": scores})


@pytest.mark.parametrize(
    ("after", "outcome", "points"),
    [
        ([1.0] * 60 + [0.0] * 40, "not worse", 0.0),
        # Others lost than won: as many right, but 20 of 100 have changed.
        ([1.0] * 50 + [0.0] * 10 + [1.0] * 10 + [0.0] * 30, "inconclusive", 0.0),
        ([1.0] * 40 + [0.0] * 60, "worse", -20.0),
        ([1.0] * 80 + [0.0] * 20, "not worse", 20.0),
    ],
)
def test_an_arm_is_compared_with_the_base_question_by_question(after: list[float], outcome: str, points: float) -> None:
    comparison = forgetting.compare_tasks({"baseline": result([1.0] * 60 + [0.0] * 40), "finetuned": result(after)})
    task = comparison.arms["finetuned"]["facts"]
    assert task.outcome == outcome and [task.value, task.base] == pytest.approx([points, 60.0])
    if outcome == "inconclusive":
        # By hand: 21 differences of 100 points in 102 questions have a standard deviation of 45.37; t(101) is 1.984.
        assert [task.low, task.high] == pytest.approx([-8.91, 8.91], abs=0.01)


def test_few_questions_on_which_nothing_changed_do_not_prove_that_nothing_is_lost() -> None:
    few, enough = (
        forgetting.compare_tasks({"baseline": result(answers), "finetuned": result(answers)})
        for answers in ([1.0] * 20, [1.0] * 60)
    )
    assert few.arms["finetuned"]["facts"].outcome == "inconclusive"
    assert enough.arms["finetuned"]["facts"].outcome == "not worse"


def test_a_task_without_a_score_for_each_question_is_not_available() -> None:
    missing = result([], metric=None)
    task = forgetting.compare_tasks({"baseline": missing, "finetuned": missing}).arms["finetuned"]["facts"]
    assert (task.value, task.outcome, task.why) == (None, "not available", "no metric")
    assert forgetting.compare_tasks({"finetuned": result([1.0, 0.0])}) == TaskComparison()
