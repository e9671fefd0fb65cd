from __future__ import annotations

from pathlib import Path

import pytest

from tests.judging.examples import case, cases, judge_that
from voicewright.judging.judges import Answer, Question, collect_votes, questions_on
from voicewright.judging.votes import VoteLog


def test_unscored_votes_are_asked_again_on_resume_and_scored_ones_never(tmp_path: Path) -> None:
    broken = {"on": True}

    def ask(question: Question) -> Answer:
        return Answer(None, error="no") if broken["on"] and question.order == "yx" else Answer("first")

    questions = questions_on(cases().cases[:5], ["voice"])
    with VoteLog(tmp_path / "v.jsonl") as log:
        assert collect_votes(judge_that(ask), questions, log).unscored == 5
        broken["on"] = False
        again = collect_votes(judge_that(ask), questions, log)
        assert (again.asked, again.unscored) == (5, 0)
        assert collect_votes(judge_that(ask), questions, log).asked == 0
        assert collect_votes(judge_that(ask, version="2"), questions, log).asked == 10


@pytest.mark.parametrize("cut", [0.0, 0.1, 0.35, 0.77, 0.99])
def test_no_vote_is_lost_or_counted_twice_after_a_kill_anywhere(tmp_path: Path, cut: float) -> None:
    path = tmp_path / "v.jsonl"
    questions = questions_on(cases().cases[:6], ["voice", "quality"])
    judge = judge_that(lambda _: Answer("second", "because"))
    with VoteLog(path) as log:
        collect_votes(judge, questions, log)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    with VoteLog(path) as log:
        n_whole = len(log.votes)
        again = collect_votes(judge, questions, log)
        assert again.asked == len(questions) - n_whole
        votes = [(vote.pair, vote.question, vote.order) for vote in log.votes]
    assert len(votes) == len(set(votes)) == len(questions)


def test_pairs_that_come_back_under_new_ids_cost_nothing(tmp_path: Path) -> None:
    pairs = cases().cases[:4]
    renamed = [pair.model_copy(update={"id": f"new {pair.id}"}) for pair in pairs]
    judge = judge_that(lambda _: Answer("first"))
    with VoteLog(tmp_path / "v.jsonl") as log:
        collect_votes(judge, questions_on(pairs, ["voice"]), log)
        again = collect_votes(judge, questions_on(renamed, ["voice"]), log)
        assert (again.asked, again.reused) == (0, 8)
        assert {vote.pair for vote in log.votes} >= {pair.id for pair in renamed}


def test_an_answer_carries_over_to_a_pair_whose_sides_were_drawn_again(tmp_path: Path) -> None:
    judge = judge_that(lambda question: Answer("first" if question.first == "left" else "second"))
    with VoteLog(tmp_path / "v.jsonl") as log:
        collect_votes(judge, questions_on([case("old", "left", "right")], ["voice"]), log)
        again = collect_votes(judge, questions_on([case("new", "right", "left")], ["voice"]), log)
        assert (again.asked, again.reused) == (0, 2)
        assert [vote.vote for vote in log.votes] == ["x", "x", "y", "y"]


def test_equal_texts_keep_both_their_orders_through_a_kill(tmp_path: Path) -> None:
    questions = questions_on([case("p", "same", "same")], ["voice"])
    judge = judge_that(lambda _: Answer("first"))
    with VoteLog(tmp_path / "v.jsonl") as log:
        collect_votes(judge, questions[:1], log)
        collect_votes(judge, questions, log)
        assert [(vote.order, vote.vote) for vote in log.votes] == [("xy", "x"), ("yx", "y")]
