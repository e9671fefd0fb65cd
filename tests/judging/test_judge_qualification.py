from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.judging import examples
from tests.judging.examples import prose, settings_of
from tests.judging.faulty_judges import Bench, bench_of_judges
from voicewright.core.documents.intervals import Rate
from voicewright.core.documents.judging import JudgeQualification
from voicewright.judging.endpoint_judge import endpoint_judge
from voicewright.judging.judge_qualification import Cases, draw_cases, qualify
from voicewright.judging.judges import Progress, collect_votes, questions_on
from voicewright.judging.votes import VoteLog, latest_votes, opinions
from voicewright.recipe.schema import QualificationSettings


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with bench_of_judges() as server:
        yield server


@pytest.fixture(scope="module")
def cases() -> Cases:
    return examples.cases()


def qualified(bench: Bench, model: str, cases: Cases, path: Path, **more: Any) -> tuple[JudgeQualification, Progress]:
    """The qualification of one of the bench's judges."""
    with VoteLog(path) as log:
        judge = endpoint_judge(model, settings_of(bench, model, **more))
        progress = collect_votes(judge, questions_on(cases.cases, ["voice"]), log)
        votes = latest_votes(log.votes)
    errors = [vote.error for vote in votes if vote.error] + ([progress.stopped] if progress.stopped else [])
    return qualify(opinions(votes, cases.cases), cases, QualificationSettings(), errors), progress


def value_of(rate: Rate | None) -> float | None:
    return rate.value if rate else None


def test_a_good_judge_qualifies(bench: Bench, cases: Cases, tmp_path: Path) -> None:
    qualification, progress = qualified(bench, "good", cases, tmp_path / "v.jsonl")
    assert qualification.qualified, qualification.why
    assert {value_of(qualification.figures[kind]) for kind in ("other", "obedience", "identical")} == {1}
    assert progress.asked == 2 * len(cases.cases)


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        ("first", "prefers the text shown first: the text shown first won 100%"),
        ("longest", "cannot tell the author from other writers"),
        ("random", "cannot tell the author from other writers"),
        ("malformed", "left 100% unscored (an answer that is not the JSON asked for)"),
        ("obeys", "follows instructions inside a text"),
        ("429", "left 100% unscored (the server answered 429"),
        ("500", "left 100% unscored (the server answered 500"),
    ],
)
def test_each_faulty_judge_is_disqualified_with_its_fault(
    bench: Bench, cases: Cases, tmp_path: Path, model: str, fault: str
) -> None:
    qualification, _ = qualified(bench, model, cases, tmp_path / "v.jsonl")
    assert not qualification.qualified
    assert fault in qualification.why


def test_a_preference_for_length_is_remarked_on(bench: Bench, cases: Cases, tmp_path: Path) -> None:
    qualification, _ = qualified(bench, "longest", cases, tmp_path / "v.jsonl")
    assert any("prefers the longer" in remark for remark in qualification.remarks)


def test_a_slow_judge_is_disqualified_without_waiting_for_it(bench: Bench, cases: Cases, tmp_path: Path) -> None:
    few = Cases(cases.cases[:2], [])
    qualification, _ = qualified(bench, "slow", few, tmp_path / "v.jsonl", timeout_s=0.2)
    assert "left 100% unscored (no answer within 0.2 seconds)" in qualification.why


def test_a_judge_that_dies_half_way_keeps_its_votes_and_goes_on(bench: Bench, cases: Cases, tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    bench.asked["dies"] = 0
    qualification, progress = qualified(bench, "dies", cases, path)
    assert str(progress.stopped).startswith(f"no connection to {bench.url}")
    assert not qualification.qualified and "unscored" in qualification.why
    bench.alive = False
    try:
        qualification, progress = qualified(bench, "dies", cases, path)
    finally:
        bench.alive = True
    assert qualification.qualified and progress.stopped is None
    with VoteLog(path) as log:
        scored = [(vote.pair, vote.order) for vote in log.votes if vote.vote is not None]
    assert len(scored) == len(set(scored)) == 2 * len(cases.cases)


def test_too_little_text_is_no_qualification() -> None:
    few = draw_cases([prose("a", 0.8)], [prose("o", 0)], [], QualificationSettings(words=100), 2, 1)
    qualification = qualify([], few, QualificationSettings())
    assert not qualification.qualified
    assert "could not be qualified: only 1 held-out passages" in qualification.why


def test_no_case_shows_its_own_passage_as_a_reference(cases: Cases) -> None:
    for case in cases.cases:
        right = case.texts[case.truth.right]
        assert not any(reference[:60] == right[:60] for reference in case.references)
    assert {case.truth.kind for case in cases.cases} == {"other", "base", "obedience", "identical", "length"}
