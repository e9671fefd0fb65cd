from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from voicewright.core.errors import UserError
from voicewright.core.records import Row, read_json, write_rows
from voicewright.judging import pairs as pair_files
from voicewright.judging import verdict
from voicewright.judging import votes as vote_files
from voicewright.judging.tally import tally


def pairs_of(n: int, per_prompt: int = 1) -> list[Row]:
    return [
        {
            "id": f"p{i}",
            "prompt_id": f"q{i // per_prompt}",
            "domain": "dark" if i % 2 else "light",
            "x": "a b c",
            "y": "d e",
        }
        for i in range(n)
    ]


def vote(pair: str, judge: str, order: str, choice: str | None, **more: Any) -> Row:
    return {"pair": pair, "judge": judge, "kind": "judge", "question": "voice", "order": order, "vote": choice, **more}


def tallied(
    pairs: list[Row], rows: list[Row], key: dict[str, tuple[str, str]], court: dict[str, Any] | None = None
) -> Any:
    return tally(pairs, key, vote_files.opinions(rows, pairs), court or {})


def test_two_orders_that_differ_are_a_tie_and_a_flip() -> None:
    pairs, key = pairs_of(2), {"p0": ("finetuned", "baseline"), "p1": ("baseline", "finetuned")}
    rows = [
        vote("p0", "j", "xy", "x"),
        vote("p0", "j", "yx", "y"),
        vote("p1", "j", "xy", "y"),
        vote("p1", "j", "yx", "y"),
    ]
    found = tallied(pairs, rows, key)
    assert found["win_rate"]["voice"]["value"] == 0.75
    assert found["raters"]["j"]["flip_rate"]["value"] == 0.5
    # p0: first shown won in both orders; p1: once.
    assert found["raters"]["j"]["first_wins"]["value"] == 0.75


def test_an_unscored_order_is_neither_a_tie_nor_a_loss_and_widens_the_bounds() -> None:
    pairs = pairs_of(10)
    key = {pair["id"]: ("finetuned", "baseline") for pair in pairs}
    rows = [vote(p["id"], "j", order, "x") for p in pairs[:9] for order in ("xy", "yx")]
    rows += [vote("p9", "j", "xy", "x"), vote("p9", "j", "yx", None)]
    found = tallied(pairs, rows, key)["comparisons"][0]["questions"]["voice"]["deciding"]
    assert found["value"] == 1 and found["n_prompts"] == 9
    assert found["coverage"] == 0.9
    assert found["worst_case_low"] < found["low"]


def test_a_pair_never_asked_counts_as_missing() -> None:
    pairs = pairs_of(4)
    key = {pair["id"]: ("finetuned", "baseline") for pair in pairs}
    rows = [vote("p0", "j", order, "x") for order in ("xy", "yx")]
    assert tallied(pairs, rows, key)["raters"]["j"]["coverage"] == 0.25


def test_pairs_of_one_prompt_are_one_unit() -> None:
    pairs = pairs_of(20, per_prompt=5)
    key = {pair["id"]: ("finetuned", "baseline") for pair in pairs}
    rows = [vote(p["id"], "j", order, "x") for p in pairs for order in ("xy", "yx")]
    assert tallied(pairs, rows, key)["win_rate"]["voice"]["n_prompts"] == 4


def test_readers_and_judges_are_told_apart_and_the_built_in_judge_gives_way_to_them() -> None:
    pairs = pairs_of(6)
    key = {pair["id"]: ("finetuned", "baseline") for pair in pairs}
    rows = [vote(p["id"], "ours", order, "y", kind="built-in") for p in pairs for order in ("xy", "yx")]
    alone = tallied(pairs, rows, key)["win_rate"]["voice"]
    assert alone["value"] == 0 and not alone["independent"]
    rows += [vote(p["id"], "ann", "yx", "x", kind="reader") for p in pairs]
    found = tallied(pairs, rows, key)["comparisons"][0]["questions"]["voice"]
    assert found["deciding"]["value"] == 1 and found["deciding"]["independent"]
    assert found["deciding"]["raters"] == ["ann"]
    assert found["readers"]["value"] == 1 and found["built_in"]["value"] == 0 and found["together"]["value"] == 0.5
    assert found["by_domain"]["dark"]["n_prompts"] == 3


def test_a_judge_the_court_refused_is_shown_and_not_counted() -> None:
    pairs = pairs_of(4)
    key = {pair["id"]: ("finetuned", "baseline") for pair in pairs}
    rows = [vote(p["id"], "bad", order, order[0]) for p in pairs for order in ("xy", "yx")]
    court = {"bad": {"qualified": False, "why": "sides with a position"}}
    found = tallied(pairs, rows, key, court)
    assert found["win_rate"]["voice"]["value"] is None
    assert found["raters"]["bad"]["counts"] is False and found["raters"]["bad"]["first_wins"]["value"] == 1


def test_more_than_two_arms_get_strengths() -> None:
    pairs = pairs_of(12)
    sides = [("finetuned", "baseline"), ("prompted", "finetuned"), ("baseline", "prompted")]
    key = {pair["id"]: sides[n % 3] for n, pair in enumerate(pairs)}
    rows = [vote(p["id"], "ann", "xy", "y" if n in (1, 3) else "x", kind="reader") for n, p in enumerate(pairs)]
    strengths = tallied(pairs, rows, key)["strengths"]["strengths"]
    assert sum(strengths.values()) == pytest.approx(1)
    assert set(strengths) == {"finetuned", "baseline", "prompted"}


def test_many_arms_and_no_vote_make_an_empty_verdict_and_no_crash() -> None:
    pairs = pairs_of(4)
    key = {pair["id"]: ("finetuned", arm) for pair, arm in zip(pairs, ("baseline", "prompted") * 2, strict=True)}
    found = tallied(pairs, [], key)
    assert found["strengths"] is None and found["win_rate"] == {} and found["raters"] == {}


def test_the_same_vote_twice_counts_once_and_a_retry_replaces_an_unscored_one(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    write_rows(
        path,
        [
            vote("p0", "j", "xy", None),
            vote("p0", "j", "xy", "x"),
            vote("p0", "j", "xy", "x"),
            vote("p0", "j", "xy", None),
            vote("gone", "j", "xy", "x"),
        ],
    )
    rows, strangers = vote_files.read(path, {"p0"})
    assert [row["vote"] for row in rows] == ["x"] and strangers == 1


def test_a_torn_last_vote_is_passed_over_and_a_whole_one_without_newline_is_not(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    whole = json.dumps(vote("p0", "j", "xy", "x"))
    path.write_text(whole + "\n" + whole[:20])
    assert len(vote_files.read(path, {"p0"})[0]) == 1
    path.write_text(json.dumps(vote("p0", "j", "yx", "x")) + "\n" + whole)
    assert len(vote_files.read(path, {"p0"})[0]) == 2


def test_votes_that_do_not_fit_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    write_rows(path, [vote("p0", "j", "xy", "left"), {"judge": "j", "vote": "x"}, vote("p0", "j", "zz", "x")])
    with pytest.raises(UserError) as caught:
        vote_files.read(path, {"p0"})
    assert len(caught.value.problems) == 3
    assert "row 1: vote 'left'" in caught.value.problems[0]


def test_a_key_changed_after_the_fact_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "key.jsonl", [{"id": "p0", "x": "finetuned", "y": "baseline"}])
    pairs = [{"id": "p0", "x": "a", "y": "b", "key_sha256": "0" * 64}]
    with pytest.raises(UserError, match="not the key that was committed"):
        pair_files.read_key(tmp_path / "key.jsonl", pairs)


def test_the_script_works_on_any_files_without_a_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path / "p.jsonl", [{"id": f"p{i}", "x": "one", "y": "two"} for i in range(8)])
    write_rows(tmp_path / "v.jsonl", [{"pair": f"p{i}", "judge": "ann", "vote": "x"} for i in range(8)])
    words = [
        f"{name}={tmp_path}/{file}" for name, file in (("pairs", "p.jsonl"), ("votes", "v.jsonl"), ("out", "o.json"))
    ]
    monkeypatch.setattr(sys, "argv", ["verdict", *words])
    with pytest.raises(SystemExit) as left:
        verdict.main()
    assert left.value.code == 0
    found = read_json(tmp_path / "o.json")
    assert found["win_rate"]["voice"]["value"] == 1 and found["arms"] == ["x", "y"]
    assert "voice: x over y 100.0%" in capsys.readouterr().out
