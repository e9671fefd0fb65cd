"""lm-evaluation-harness as an option: its own words in, a score for every question out, compared pair by pair."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from voicewright.core import environments
from voicewright.core.errors import UserError
from voicewright.core.paths import REPO_DIR, TASKS_DIR, Run
from voicewright.core.records import Row, read_json, read_rows, write_json, write_rows
from voicewright.generation import lm_eval
from voicewright.metrics import samples
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.serving.client import Client, ClientSettings
from voicewright.serving.endpoint import Endpoint

NOBODY = Client(ClientSettings("http://127.0.0.1:1/v1"))
ENDPOINT = Endpoint(NOBODY, "finetuned", "hash", 1024, True)


def settings(*overrides: str) -> Recipe:
    return recipes.compose("demo", ["eval.lm_eval.tasks=[everyday_facts]", *overrides], run="t").recipe


def written(folder: Path, task: str, rows: list[Row], better: dict[str, bool]) -> None:
    """What the harness leaves behind: results, and a row a question."""
    stamp = "2026-11-20T13-33-43.658805"
    path = folder / "finetuned" / f"results_{stamp}.json"
    known = read_json(path)["higher_is_better"] if path.exists() else {}
    write_json(path, {"higher_is_better": {**known, task: better}})
    write_rows(folder / "finetuned" / f"samples_{task}_{stamp}.jsonl", rows)


def row(question: int, filter_name: str = "none", **metrics: Any) -> Row:
    return {"doc_id": question, "filter": filter_name, "metrics": list(metrics), **metrics}


def test_every_question_has_the_first_metric_that_is_a_number_and_better_when_higher(tmp_path: Path) -> None:
    two_filters = [row(0, "strict", exact_match=1.0), row(0, "loose", exact_match=0.0), row(1, "strict", exact_match=0)]
    written(tmp_path, "sums_to_ten", two_filters, {"exact_match": True})
    written(tmp_path, "brier", [row(0, brier=0.2, acc=1.0)], {"brier": False, "acc": True})
    written(tmp_path, "book", [row(0, word_perplexity=[-9.0, 3])], {"word_perplexity": False})
    scores = lm_eval.read_scores(tmp_path)
    assert scores["sums_to_ten"].to_json() == {"metric": "exact_match", "values": {"0": 1.0, "1": 0.0}, "why": None}
    assert (scores["brier"].metric, scores["brier"].values) == ("acc", {"0": 1.0})
    assert scores["book"].metric is None and not scores["book"].values and "no metric" in str(scores["book"].why)


def test_the_harness_is_configured_in_its_own_key_names(tmp_path: Path) -> None:
    config = lm_eval.arguments(settings("eval.lm_eval.limit=7", "eval.lm_eval.num_fewshot=2"), ENDPOINT, tmp_path)
    assert (config["tasks"], config["limit"], config["num_fewshot"]) == (["everyday_facts"], 7, 2)
    assert config["model_args"]["base_url"] == "http://127.0.0.1:1/v1/completions"
    assert Path(config["model_args"]["tokenizer"]).is_dir() and config["model_args"]["max_length"] == 1024
    assert config["model_args"]["add_bos_token"] and not config["apply_chat_template"]


def test_a_model_is_asked_once_and_its_answers_go_with_the_recipes_tasks(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arms_asked: list[str] = []

    def ask(_settings: Recipe, arm: str, _endpoint: Endpoint, folder: Path) -> None:
        arms_asked.append(arm)
        written(folder, "everyday_facts", [row(0, acc=1.0), row(1, acc=0.0)], {"acc": True})

    monkeypatch.setattr(lm_eval, "run_harness", ask)
    for endpoint in (ENDPOINT, ENDPOINT, Endpoint(NOBODY, "finetuned", "retrained", 1024, True)):
        lm_eval.measure(settings(), "finetuned", endpoint)
    assert arms_asked == ["finetuned", "finetuned"]
    assert "everyday_facts: acc, 0.500 on 2 questions" in capsys.readouterr().out
    assert samples.read_tasks(Run("t"))["finetuned"].tasks["everyday_facts"].values == {"0": 1.0, "1": 0.0}
    lm_eval.measure(recipes.compose("demo", [], run="t").recipe, "finetuned", ENDPOINT)
    assert samples.read_tasks(Run("t")) == {}


def test_a_harness_that_fails_is_one_message_with_its_own_last_words(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ours has no lm_eval.
    monkeypatch.setattr(environments, "python", lambda _name: Path(sys.executable))
    with pytest.raises(UserError) as failed:
        lm_eval.measure(settings(), "finetuned", ENDPOINT)
    assert "No module named lm_eval" in " ".join(failed.value.problems)
    assert not Run("t").lm_eval_path("finetuned").exists()
    assert not Run("t").child_path("lm_eval-finetuned").exists()


def test_the_shipped_task_is_well_formed() -> None:
    for path in TASKS_DIR.glob("*.yaml"):
        task = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert task["task"] == path.stem
        rows = list(read_rows(REPO_DIR / task["dataset_kwargs"]["data_files"]["test"]))
        assert len({r["question"] for r in rows}) == len(rows) >= 40
        assert all(len(set(r["choices"])) == 4 and r["answer"] in range(4) for r in rows)
        # A model that always takes the same place is right a quarter of the time.
        assert len({sum(r["answer"] == place for r in rows) for place in range(4)}) == 1
