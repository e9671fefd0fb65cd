from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from voicewright.cli.main import cli
from voicewright.core.documents.base import read_document
from voicewright.core.documents.judging import (
    Choice,
    JudgeQualification,
    Order,
    Pair,
    PairKey,
    QuestionResult,
    RaterKind,
    Strengths,
    Verdict,
    Vote,
)
from voicewright.core.errors import UserError
from voicewright.core.records import write_rows
from voicewright.judging.judges import ORDERS
from voicewright.judging.pairs import read_key
from voicewright.judging.verdict import verdict_from
from voicewright.judging.votes import read_votes


def pairs_of(n: int, per_prompt: int = 1) -> list[Pair]:
    return [
        Pair(id=f"p{i}", prompt_id=f"q{i // per_prompt}", domain="dark" if i % 2 else "light", x="a b c", y="d e")
        for i in range(n)
    ]


def key_of(pairs: Sequence[Pair], *sides: tuple[str, str]) -> dict[str, PairKey]:
    """The key of pairs whose sides are these, in turn."""
    sides = sides or (("finetuned", "baseline"),)
    return {
        pair.id: PairKey(id=pair.id, x=sides[n % len(sides)][0], y=sides[n % len(sides)][1])
        for n, pair in enumerate(pairs)
    }


def vote(pair: str, judge: str, order: Order, choice: Choice | None, kind: RaterKind = "judge") -> Vote:
    return Vote(pair=pair, judge=judge, kind=kind, question="voice", order=order, vote=choice)


def result_of(verdict: Verdict) -> QuestionResult:
    return verdict.comparisons[0].questions["voice"]


def test_two_orders_that_differ_are_a_tie_and_a_flip() -> None:
    pairs = pairs_of(2)
    key = key_of(pairs, ("finetuned", "baseline"), ("baseline", "finetuned"))
    votes = [
        vote("p0", "j", "xy", "x"),
        vote("p0", "j", "yx", "y"),
        vote("p1", "j", "xy", "y"),
        vote("p1", "j", "yx", "y"),
    ]
    verdict = verdict_from(pairs, votes, key)
    assert verdict.win_rate["voice"].value == 0.75
    assert verdict.raters["j"].flip_rate.value == 0.5
    # p0: the text shown first won in both orders; p1: once.
    assert verdict.raters["j"].first_wins.value == 0.75


def test_an_unscored_order_is_neither_a_tie_nor_a_loss_and_widens_the_bounds() -> None:
    pairs = pairs_of(10)
    key = key_of(pairs)
    votes = [vote(p.id, "j", order, "x") for p in pairs[:9] for order in ORDERS]
    votes += [vote("p9", "j", "xy", "x"), vote("p9", "j", "yx", None)]
    rate = result_of(verdict_from(pairs, votes, key)).deciding
    assert rate.value == 1 and rate.n_prompts == 9
    assert rate.coverage == 0.9
    assert (rate.worst_case_low or 0) < (rate.low or 0)


def test_a_pair_never_asked_counts_as_missing() -> None:
    pairs = pairs_of(4)
    key = key_of(pairs)
    votes = [vote("p0", "j", order, "x") for order in ORDERS]
    assert verdict_from(pairs, votes, key).raters["j"].coverage == 0.25


def test_pairs_of_one_prompt_are_one_unit() -> None:
    pairs = pairs_of(20, per_prompt=5)
    key = key_of(pairs)
    votes = [vote(p.id, "j", order, "x") for p in pairs for order in ORDERS]
    assert verdict_from(pairs, votes, key).win_rate["voice"].n_prompts == 4


def test_readers_and_judges_are_told_apart_and_the_built_in_judge_gives_way_to_them() -> None:
    pairs = pairs_of(6)
    key = key_of(pairs)
    votes = [vote(p.id, "ours", order, "y", kind="built-in") for p in pairs for order in ORDERS]
    alone = verdict_from(pairs, votes, key).win_rate["voice"]
    assert alone.value == 0 and not alone.independent
    votes += [vote(p.id, "ann", "yx", "x", kind="reader") for p in pairs]
    result = result_of(verdict_from(pairs, votes, key))
    assert result.deciding.value == 1 and result.deciding.independent
    assert result.deciding.raters == ["ann"]
    assert result.readers.value == 1 and result.built_in.value == 0 and result.together.value == 0.5
    assert result.by_domain["dark"].n_prompts == 3


def test_a_judge_that_is_not_qualified_is_shown_and_not_counted() -> None:
    pairs = pairs_of(4)
    key = key_of(pairs)
    votes = [vote(p.id, "bad", "xy", "x") for p in pairs] + [vote(p.id, "bad", "yx", "y") for p in pairs]
    qualifications = {"bad": JudgeQualification(qualified=False, why="prefers a position")}
    verdict = verdict_from(pairs, votes, key, qualifications=qualifications)
    assert verdict.win_rate["voice"].value is None
    assert not verdict.raters["bad"].counts and verdict.raters["bad"].first_wins.value == 1


def test_more_than_two_arms_get_strengths() -> None:
    pairs = pairs_of(12)
    key = key_of(pairs, ("finetuned", "baseline"), ("prompted", "finetuned"), ("baseline", "prompted"))
    votes = [vote(p.id, "ann", "xy", "y" if n in (1, 3) else "x", kind="reader") for n, p in enumerate(pairs)]
    strengths = (verdict_from(pairs, votes, key).strengths or Strengths(strengths=None, why=None)).strengths
    assert strengths and sum(strengths.values()) == pytest.approx(1)
    assert set(strengths) == {"finetuned", "baseline", "prompted"}


def test_many_arms_and_no_vote_make_an_empty_verdict_and_no_crash() -> None:
    pairs = pairs_of(4)
    key = key_of(pairs, ("finetuned", "baseline"), ("finetuned", "prompted"))
    verdict = verdict_from(pairs, [], key)
    assert verdict.strengths is None and verdict.win_rate == {} and verdict.raters == {}


def test_the_same_vote_twice_counts_once_and_a_retry_replaces_an_unscored_one() -> None:
    votes = [vote("p0", "j", "xy", choice) for choice in (None, "x", "x", None)]
    verdict = verdict_from(pairs_of(1), [*votes, vote("gone", "j", "xy", "x")])
    assert (verdict.votes, verdict.votes_on_unknown_pairs) == (1, 1)
    assert verdict.win_rate["voice"].value == 1


def test_votes_without_a_key_are_counted_for_x_over_y() -> None:
    verdict = verdict_from(pairs_of(4), [vote(f"p{n}", "ann", "xy", "x", kind="reader") for n in range(4)])
    assert verdict.arms == ["x", "y"] and verdict.win_rate["voice"].value == 1


def test_a_torn_last_vote_is_passed_over_and_a_whole_one_without_newline_is_not(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    whole = json.dumps(vote("p0", "j", "xy", "x").to_json())
    path.write_text(whole + "\n" + whole[:20])
    assert len(read_votes(path)) == 1
    path.write_text(whole + "\n" + whole)
    assert len(read_votes(path)) == 2


def test_votes_that_do_not_fit_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    good = {"pair": "p0", "judge": "j", "order": "xy", "vote": "x"}
    write_rows(path, [{**good, "vote": "left"}, {"judge": "j", "vote": "x"}, {**good, "order": "zz"}])
    with pytest.raises(UserError) as caught:
        read_votes(path)
    assert len(caught.value.problems) == 3
    assert caught.value.problems[0].startswith(f"{path}:1: vote: ") and "'left'" in caught.value.problems[0]


def test_a_key_changed_after_the_fact_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "key.jsonl", [{"id": "p0", "x": "finetuned", "y": "baseline"}])
    pairs = [Pair(id="p0", x="a", y="b", key_sha256="0" * 64)]
    with pytest.raises(UserError, match="not the key that was committed"):
        read_key(tmp_path / "key.jsonl", pairs)


def test_the_script_works_on_any_files_without_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path / "p.jsonl", [{"id": f"p{i}", "x": "one", "y": "two"} for i in range(8)])
    write_rows(tmp_path / "v.jsonl", [{"pair": f"p{i}", "judge": "ann", "vote": "x"} for i in range(8)])
    words = [
        f"{name}={tmp_path}/{file}" for name, file in (("pairs", "p.jsonl"), ("votes", "v.jsonl"), ("out", "o.json"))
    ]
    with pytest.raises(SystemExit) as left:
        cli.main(["verdict", *words])
    assert left.value.code == 0
    document = read_document(tmp_path / "o.json", Verdict)
    assert document.win_rate["voice"].value == 1 and document.arms == ["x", "y"]
    assert "voice: x over y 100.0%" in capsys.readouterr().out
