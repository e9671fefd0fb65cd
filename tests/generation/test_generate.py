"""Generations are asked once, kept whatever happens, and never mistaken for another model's."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pretend_server import Pretender, running
from voicewright.cli.main import cli
from voicewright.core.documents.endpoint import TokenLogprob
from voicewright.core.errors import UserError
from voicewright.core.paths import PROMPTS_DIR, REPO_DIR, Run
from voicewright.core.records import Row, read_json, read_rows, write_json, write_rows
from voicewright.generation import arms, likelihood, prompts
from voicewright.recipe import recipes
from voicewright.recipe.schema import Eval, Recipe
from voicewright.serving.client import ClientSettings
from voicewright.serving.server import base_model

SENTENCE = "You walk down to the water and count {} boats, none of which is there. "
SHORT = [
    "eval.prompts=[narrative]",
    "eval.openings=4",
    "eval.training_prefixes=0",
    "eval.opening_words=20",
    "eval.samples=2",
    "eval.max_words=30",
    "eval.concurrency=4",
]
# 4 openings and the 16 prompts of the narrative file, two samples each.
EXPECTED = 40


@pytest.fixture
def run(home: Path) -> Run:
    """A run whose data is prepared, with external endpoints."""
    begin(["serve=external", *SHORT])
    return Run("t")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch, max_retries=3)


def hurry(monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    def settings(url: str, eval_settings: Eval) -> ClientSettings:
        usual = {"first_delay_s": 0.01, "timeout_s": 5.0, **more}
        return ClientSettings(url, concurrency=eval_settings.concurrency, **usual)

    monkeypatch.setattr(arms, "client_settings", settings)


@pytest.fixture
def server() -> Iterator[Pretender]:
    with running(Pretender()) as pretender:
        yield pretender


def begin(overrides: list[str], form: dict[str, Any] | None = None, rows: list[Row] | None = None) -> Recipe:
    composed = recipes.compose("demo", overrides, run="t")
    recipes.freeze(composed)
    run = Run("t")
    form = form or {"shape": "completion", "prompt": "raw", "system": None}
    write_json(run.stats_path, {"format": form, "splits": {}})
    if rows is None:
        texts = ["".join(SENTENCE.format(f"{n}-{i}") for i in range(30)) for n in range(4)]
        rows = [
            {"id": f"r{n}", "source": f"s:{n}", "work": "w", "section": str(n), "text": t, "tokens": 9}
            for n, t in enumerate(texts)
        ]
    for split in ("train", "heldout"):
        write_rows(run.rows_path(form["shape"], split), rows)
    return composed.recipe


def call(*words: str) -> int:
    """Run the command `generate`; its exit code."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["generate", "RUN=t", *words])
    return int(ended.value.code or 0)


def generated(run: Run, arm: str = "baseline") -> list[Row]:
    return list(read_rows(run.generations_path(arm)))


def test_every_prompt_gets_each_sample_once_with_a_seed_of_its_own(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(f"url={server.url}") == 0
    rows = generated(run)
    assert len(rows) == EXPECTED == len({(r["prompt_id"], r["sample"]) for r in rows}) == len({r["seed"] for r in rows})
    heldout = [r for r in rows if r["domain"] == "heldout"]
    assert len(heldout) == 8
    assert all(len(r["prompt"].split()) == 20 and len(r["reference"].split()) == 30 for r in heldout)
    texts = {r["source"]: r["text"] for r in read_rows(run.rows_path("completion", "heldout"))}
    for row in heldout:
        whole = texts[row["reference_source"]]
        assert whole[whole.index(row["prompt"]) + len(row["prompt"]) :].strip().startswith(row["reference"])
    assert {len(r["text"].split()) for r in rows} == {30}


def test_no_more_is_asked_at_once_than_the_recipe_says(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.delay_s = 0.02
    call(f"url={server.url}")
    assert server.most_at_once == 4


def test_arms_are_asked_with_the_same_prompts_seeds_and_lengths(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(f"url={server.url}")
    server.root = "another model"
    call("arm=finetuned", f"url={server.url}")
    first, second = (
        [(r["prompt_id"], r["sample"], r["seed"], r["prompt"], r["sampling"]) for r in generated(run, arm)]
        for arm in ("baseline", "finetuned")
    )
    assert first == second
    assert sorted(server.keys()[:EXPECTED]) == sorted(server.keys()[EXPECTED:])


def test_nothing_is_asked_twice_even_for_another_arm_of_the_same_model(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(f"url={server.url}")
    before = run.generations_path("baseline").read_bytes()
    call(f"url={server.url}")
    call("arm=other", f"url={server.url}")
    assert len(server.requests) == EXPECTED
    assert run.generations_path("baseline").read_bytes() == before
    assert [{**r, "arm": "baseline"} for r in generated(run, "other")] == generated(run)
    call(f"url={server.url}", "force=baseline")
    assert len(server.requests) == 2 * EXPECTED


def test_training_text_is_continued_once_by_every_arm_in_files_of_its_own(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(["serve=external", *SHORT, "eval.training_prefixes=3"])
    call("arm=baseline,prompted", f"url={server.url}")
    for arm in ("baseline", "prompted"):
        rows = list(read_rows(run.prefixes_path(arm)))
        assert [(r["domain"], r["set"], r["sample"]) for r in rows] == [("training", "training", 0)] * 3
        assert {len(r["prompt"].split()) for r in rows} == {20}
        assert len(generated(run, arm)) == EXPECTED
        assert "training" not in {r["set"] for r in generated(run, arm)}
    # Its own passage before the prefix would be copied from the prompt.
    sources = {r["id"]: r["source"] for r in read_rows(run.rows_path("completion", "train"))}
    assert all(r["reference_source"] not in {sources[p] for p in r["passages"]} and r["passages"] for r in rows)
    begin(["serve=external", *SHORT])
    call(f"url={server.url}")
    assert list(read_rows(run.prefixes_path("baseline"))) == []


@pytest.mark.slow
def test_another_model_or_setting_is_asked_anew(run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch) -> None:
    call(f"url={server.url}")
    server.root = "retrained"
    call(f"url={server.url}")
    assert len(server.requests) == 2 * EXPECTED
    begin(["serve=external", *SHORT, "model.sampling.temperature=0.3"])
    call(f"url={server.url}")
    assert len(server.requests) == 3 * EXPECTED
    assert {r["sampling"]["temperature"] for r in generated(run)} == {0.3}
    begin(["serve=external", *SHORT, "model.sampling.temperature=0.3", "eval.samples=3"])
    call(f"url={server.url}")
    assert len(server.requests) == 3 * EXPECTED + EXPECTED // 2


def test_the_prompted_arm_sees_training_passages_that_fit_the_context(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("arm=prompted", f"url={server.url}")
    rows = generated(run, "prompted")
    # The pretender's tokens are characters: 1,024 of them hold an opening, an answer and what is left.
    assert all(len(r["passages"]) == 3 for r in rows if r["domain"] == "heldout")
    for body in server.requests:
        assert len(body["prompt"]) + body["max_tokens"] <= 1024
    assert any("boats" in body["prompt"].split("* * *")[0] for body in server.requests)
    assert all("* * *" not in r["prompt"] for r in rows)


def test_a_server_that_fails_now_and_then_loses_nothing(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = [
        (500, b'{"error": {"message": "engine"}}', {}),
        (429, b'{"error": {"message": "slow down"}}', {"Retry-After": "0.01"}),
        (502, b"<html>bad gateway</html>", {}),
        (200, b'{"id": "1", "choi', {}),
        (200, b'{"id": "1", "choices": []}', {}),
        (200, b"[]", {}),
        (200, b'{"id": "1", "choices": [{"index": 0, "text": 7}]}', {}),
    ]
    # Each third request is odd; so no request fails four times, save by the order in which they come.
    server.behave = lambda n, _body: odd[n // 3 % len(odd)] if n % 3 == 0 else None
    hurry(monkeypatch, max_retries=11)
    assert call(f"url={server.url}") == 0
    rows = generated(run)
    assert len(rows) == EXPECTED
    assert not [r for r in rows if r["error"]]
    assert len(server.requests) > EXPECTED


def test_an_empty_answer_is_kept_and_counted(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.write = lambda body: "" if body["seed"] % 2 else "words " * 40
    call(f"url={server.url}")
    empty = sum(not r["text"] for r in generated(run))
    assert 0 < empty < EXPECTED
    assert f"{empty} empty" in capsys.readouterr().out
    n_requests = len(server.requests)
    call(f"url={server.url}")
    assert len(server.requests) == n_requests


@pytest.mark.slow
def test_a_refused_prompt_is_recorded_and_asked_again_next_time(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behave = lambda _n, body: (400, b'{"error": {"message": "too long"}}', {}) if body["seed"] % 2 else None
    assert call(f"url={server.url}") == 0
    refused = [r for r in generated(run) if r["error"]]
    assert refused
    assert "too long" in refused[0]["error"]
    assert refused[0]["text"] == ""
    server.behave = lambda _n, _body: None
    call(f"url={server.url}")
    assert len(server.requests) == EXPECTED + len(refused)
    assert not [r for r in generated(run) if r["error"]]


def test_a_server_that_refuses_everything_is_an_error(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.behave = lambda _n, _body: (401, b'{"error": {"message": "who are you"}}', {})
    assert call(f"url={server.url}") == 2
    assert "who are you" in capsys.readouterr().err


def test_a_server_that_dies_half_way_keeps_what_was_answered(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dies(n: int, _body: dict[str, Any]) -> None:
        server.refusing = server.refusing or n >= 13

    server.behave = dies
    assert call(f"url={server.url}") == 2
    done = len(generated(run))
    assert f"{done} of {EXPECTED} generations are kept" in capsys.readouterr().err
    assert 0 < done < EXPECTED
    server.behave, server.refusing = lambda _n, _body: None, False
    already = {r["id"] for r in generated(run)}
    n_requests = len(server.requests)
    assert call(f"url={server.url}") == 0
    assert len(server.requests) - n_requests == EXPECTED - done
    assert already <= {r["id"] for r in generated(run)}


def test_a_server_that_dies_over_the_held_out_passages_says_how_to_go_on(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(["serve=external", *SHORT, "eval.likelihood=false"])
    assert call(f"url={server.url}") == 0
    begin(["serve=external", *SHORT])
    server.refusing = True
    assert call(f"url={server.url}") == 2
    assert "eval.likelihood=false leaves this out" in capsys.readouterr().err
    server.refusing = False
    assert call(f"url={server.url}") == 0
    assert len(list(read_rows(run.likelihood_path("baseline")))) == 4


@pytest.mark.slow
def test_a_slow_server_is_given_up_after_its_time(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.delay_s = 0.5
    hurry(monkeypatch, max_retries=1, timeout_s=0.1)
    assert call(f"url={server.url}") == 2
    assert "stopped answering" in capsys.readouterr().err


def test_an_endpoint_that_is_not_there_or_serves_another_model_is_named(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("url=http://127.0.0.1:1/v1") == 2
    assert "nothing answers at http://127.0.0.1:1/v1" in capsys.readouterr().err
    # Our own servers are named after their arm: the base model on the wrong port is not the fine-tuned one.
    begin([f"serve.finetuned_port={server.url.rpartition(':')[2].removesuffix('/v1')}", *SHORT])
    assert call("arm=finetuned") == 2
    assert "does not serve 'finetuned' but baseline" in capsys.readouterr().err


def test_another_runs_server_is_not_taken_for_this_runs(
    home: Path, server: Pretender, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = begin([f"serve.baseline_port={server.url.rpartition(':')[2].removesuffix('/v1')}", *SHORT])
    server.root = "/elsewhere/merged_models/other"
    assert call("arm=baseline") == 2
    assert "serves /elsewhere/merged_models/other as 'baseline'; expected " in capsys.readouterr().err
    assert server.requests == []
    server.root = base_model(recipe)
    assert call("arm=baseline") == 0


def test_checkpoints_are_all_that_the_server_has(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("arm=checkpoints", f"url={server.url}") == 2
    assert "offers no checkpoint" in capsys.readouterr().err
    server.adapters = ["checkpoint-5", "checkpoint-10", "adapter"]
    assert call("arm=checkpoints", f"url={server.url}") == 0
    assert sorted(p.stem for p in run.generations_dir.glob("*.jsonl")) == ["checkpoint-10", "checkpoint-5"]
    assert {body["model"] for body in server.requests} == {"checkpoint-5", "checkpoint-10"}


def test_an_arm_that_the_recipe_has_dropped_is_gone(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("arm=prompted", f"url={server.url}")
    assert run.generations_path("prompted").exists()
    begin(["serve=external", *SHORT, "eval.prompted_passages=0"])
    call("arm=prompted", f"url={server.url}")
    assert not run.generations_path("prompted").exists()


@pytest.mark.parametrize("moment", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 20, 38))])
def test_kill_9_at_any_moment_loses_and_repeats_nothing(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    server.delay_s = 0.02
    path = run.generations_path("baseline")
    command = [sys.executable, "-m", "benchmarks.generate", "t", f"url={server.url}"]
    child = subprocess.Popen(command, cwd=REPO_DIR, stderr=subprocess.DEVNULL, env={**os.environ})
    while not path.exists() or path.read_bytes().count(b"\n") < moment:
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()
    whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    n_requests = len(server.requests)
    call(f"url={server.url}")
    rows = generated(run)
    assert len(rows) == EXPECTED == len({r["id"] for r in rows})
    # Asked again is only what was on its way when the blow fell.
    assert len(server.requests) - n_requests == EXPECTED - len(whole)
    assert n_requests - len(whole) <= 4


@pytest.mark.slow
def test_a_torn_last_row_is_asked_again(run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch) -> None:
    call(f"url={server.url}")
    path = run.generations_path("baseline")
    path.write_bytes(path.read_bytes()[:-20])
    call(f"url={server.url}")
    assert len(server.requests) == EXPECTED + 1
    assert len(generated(run)) == EXPECTED


FERRY_TURNS = [
    {"role": "user", "content": "hello"},
    {"role": "assistant", "content": "yes?"},
    {"role": "user", "content": "who was it?"},
    {"role": "assistant", "content": "It was the ferryman, as ever, and he " + "sang " * 60},
]
FERRY_ROWS: list[Row] = [{"id": "c1", "source": "chat:1", "tokens": 80, "messages": FERRY_TURNS}]
FERRY_CHAT = {"shape": "chat", "prompt": "chat", "system": "You are the ferryman."}


def test_a_chat_model_is_asked_in_chat_with_its_system_prompt_and_the_whole_conversation(
    home: Path, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(["serve=external", *SHORT], FERRY_CHAT, FERRY_ROWS)
    call(f"url={server.url}", "arm=baseline")
    heldout = next(r for r in generated(Run("t")) if r["prompt_id"] == "heldout-c1")
    assert heldout["prompt"] == "who was it?"
    assert heldout["reference"].startswith("It was the ferryman")
    assert len(heldout["reference"].split()) == 30
    conversations = [b for b in server.requests if len(b["messages"]) == 3]
    assert [m["content"] for m in conversations[0]["messages"]] == ["hello", "yes?", "who was it?"]
    other = next(b for b in server.requests if b not in conversations)
    assert other["messages"][0] == {"role": "system", "content": "You are the ferryman."}
    (scored,) = read_rows(Run("t").likelihood_path("baseline"))
    assert scored["chars"] == len(FERRY_TURNS[-1]["content"]) == scored["tokens"]


def test_in_a_chat_the_training_prefix_is_all_that_was_said_before_the_authors_last_answer(
    home: Path, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = [{"role": "user", "content": "and then?"}, {"role": "assistant", "content": "Then it rained. " * 20}]
    rows = [*FERRY_ROWS, {"id": "c2", "source": "chat:2", "tokens": 80, "messages": other}]
    begin(["serve=external", *SHORT, "eval.training_prefixes=2", "eval.openings=0"], FERRY_CHAT, rows)
    assert call("arm=baseline,prompted", f"url={server.url}") == 0
    first, second = read_rows(Run("t").prefixes_path("baseline"))
    assert (first["before"], first["prompt"]) == ("hello\n\nyes?", "who was it?")
    assert (second["before"], second["prompt"], second["set"]) == ("", "and then?", "training")
    assert first["reference"].startswith("It was the ferryman")
    assert ["hello", "yes?", "who was it?"] in [[m["content"] for m in body["messages"]] for body in server.requests]
    # The prompted arm is not shown the answer that is looked for.
    assert [r["passages"] for r in read_rows(Run("t").prefixes_path("prompted"))] == [["c2"], ["c1"]]


def test_likelihood_is_bits_over_the_characters_that_were_scored(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    heldout = list(read_rows(run.rows_path("completion", "heldout")))
    short = {"id": "short", "source": "s:9", "work": "w", "section": "9", "text": "You wait.", "tokens": 3}
    write_rows(run.rows_path("completion", "heldout"), [short, *heldout])
    call(f"url={server.url}")
    first, *rows = read_rows(run.likelihood_path("baseline"))
    assert (first["id"], first["chars"], first["tokens"]) == ("short", 8, 8)
    assert [r["id"] for r in rows] == ["r0", "r1", "r2", "r3"]
    # A token is a character here, the context 1,024, one of which is for the token that must be generated, and
    # the first has nothing before it.
    assert all(r["tokens"] == r["chars"] == 1022 for r in rows)
    assert rows[0]["bits"] == pytest.approx(1022 * 0.5 / math.log(2), abs=1e-3)
    assert read_json(run.dir / "likelihood" / "baseline.status.json")["status"] == "ok"


@pytest.mark.parametrize("lacks", ["tokenizes", "logprobs"])
def test_a_server_without_log_probabilities_is_said_to_be_so(
    run: Run, server: Pretender, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lacks: str
) -> None:
    setattr(server, lacks, False)
    assert call(f"url={server.url}") == 0
    assert len(generated(run)) == EXPECTED
    assert "not available" in capsys.readouterr().out
    status = read_json(run.dir / "likelihood" / "baseline.status.json")
    assert status["status"] == "not available"
    assert status["why"]
    assert list(read_rows(run.likelihood_path("baseline"))) == []


def test_a_token_of_probability_zero_leaves_its_passage_unscored() -> None:
    logprobs = [None, {"5": TokenLogprob(logprob=-9999.0)}, {"6": TokenLogprob(logprob=-1.0)}]
    assert likelihood.bits(logprobs, [4, 5, 6], 1) is None
    assert likelihood.bits(logprobs, [4, 5, 6], 2) == pytest.approx(1 / math.log(2))


def test_a_missing_or_malformed_prompt_file_is_named(home: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no nowhere\.jsonl"):
        prompts.read_prompts(PROMPTS_DIR / "nowhere.jsonl")
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "a", "domain": "b", "text": " "}\n{"id": "a", "text": "x"}\n')
    with pytest.raises(UserError) as error:
        prompts.read_prompts(path)
    assert len(error.value.problems) == 2
    assert "p.jsonl:2" in error.value.problems[1]


def test_shipped_prompts_have_ids_of_their_own_and_are_well_formed() -> None:
    shipped = [p for path in sorted(PROMPTS_DIR.glob("*.jsonl")) for p in prompts.read_prompts(path)]
    assert len({p.id for p in shipped}) == len(shipped) >= 16
    assert len({p.text for p in shipped}) == len(shipped)


RAW = {"shape": "completion", "prompt": "raw", "system": None}


def test_the_end_of_a_passage_is_held_back_and_the_end_of_an_answer_is_not(
    home: Path, server: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(["serve=external", *SHORT], {**RAW, "open_ended": True, "stop": None})
    assert call(f"url={server.url}") == 0
    assert {body["min_tokens"] for body in server.requests} == {body["max_tokens"] for body in server.requests}
    server.requests.clear()
    begin(["serve=external", *SHORT], {**RAW, "open_ended": False, "stop": "<|over|>"})
    assert call(f"url={server.url}") == 0
    assert {(body.get("min_tokens"), body["stop"]) for body in server.requests} == {(None, "<|over|>")}
