"""Synthetic passages: written after training passages alone, labelled, and absent from all that is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.data.conftest import book
from tests.data.endpoint import Endpoint
from voicewright.core import processes
from voicewright.core.documents.base import read_document, read_documents
from voicewright.core.documents.stats import Stats
from voicewright.core.errors import UserError
from voicewright.core.paths import CONFIGS_DIR, Run
from voicewright.core.rows import TrainingRow
from voicewright.data import expansion, preparation
from voicewright.pipeline import plan, worker
from voicewright.recipe import recipes
from voicewright.training import base_model, model_card, rendering

NEW = "You lower the rope into the dark, turn {n}, and the well keeps its counsel. The bucket brings up a moon. "


@pytest.fixture
def prepared(home: Path, tmp_path: Path, endpoint: Endpoint) -> Callable[..., Run]:
    """A prepared run of a book and what the endpoint wrote after it."""
    (tmp_path / "well.md").write_text(book(12))
    endpoint.answer = lambda n: (
        200,
        "Here is a passage:\n\n" + "\n\n".join(NEW.format(n=f"{n} {m}") for m in range(6)),
    )

    def run(*overrides: str, name: str = "mine") -> Run:
        base_at = f"serve.baseline_port={endpoint.server.server_port}"
        settings = ["data=expand", f"source={tmp_path / 'well.md'}", base_at]
        recipes.freeze(recipes.compose("demo", [*settings, "data.expand.first_delay_s=0.001", *overrides], run=name))
        preparation.prepare_run(Run(name))
        return Run(name)

    return run


def test_a_base_whose_port_was_busy_is_asked_where_it_is_served(home: Path, tmp_path: Path, endpoint: Endpoint) -> None:
    (tmp_path / "well.md").write_text(book(12))
    endpoint.answer = lambda n: (200, "\n\n".join(NEW.format(n=f"{n} {m}") for m in range(6)))
    recipes.freeze(recipes.compose("demo", ["data=expand", f"source={tmp_path / 'well.md'}"], run="mine"))
    record_path = Run("mine").child_path("serve-baseline")
    processes.start(
        ["sleep", "60"], log_path=tmp_path / "log", record_path=record_path, name="baseline",
        port=endpoint.server.server_port,
    )  # fmt: skip
    try:
        preparation.prepare_run(Run("mine"))
    finally:
        processes.stop(record_path)
    assert endpoint.requests


def rows(run: Run, split: str) -> list[TrainingRow]:
    return [*read_documents(run.rows_path("completion", split), TrainingRow)]


def test_synthetic_rows_are_labelled_and_in_no_split(prepared: Callable[..., Run]) -> None:
    run = prepared()
    synthetic = rows(run, "synthetic")
    assert synthetic and all(row.synthetic == "tiny-base" and row.source.startswith("synthetic:") for row in synthetic)
    assert not any(row.synthetic for split in ("train", "val", "heldout") for row in rows(run, split))
    assert not {row.id for row in synthetic} & {row.id for s in ("train", "val", "heldout") for row in rows(run, s)}
    assert all(row.all_text.startswith("You lower") and row.all_text.endswith(".") for row in synthetic)
    stats = read_document(run.stats_path, Stats)
    assert stats.synthetic and stats.synthetic.rows == len(synthetic)
    assert stats.splits["train"].rows == len(rows(run, "train"))
    assert f"{len(synthetic)} synthetic rows" in (run.data_dir / "data_card.md").read_text()


def test_rows_name_the_model_that_was_asked_for(prepared: Callable[..., Run], endpoint: Endpoint) -> None:
    synthetic = rows(prepared(f"data.expand.url={endpoint.url}/", "data.expand.model=larger"), "synthetic")
    assert {row.synthetic for row in synthetic} == {"larger"} == {request["model"] for request in endpoint.requests}
    unnamed = recipes.compose("demo", ["data=expand", f"data.expand.url={endpoint.url}"]).recipe
    with pytest.raises(UserError, match="says which model wrote it"):
        expansion.writer(unnamed)


def test_their_words_are_the_share_asked_for(prepared: Callable[..., Run], endpoint: Endpoint) -> None:
    few, many = (prepared(f"data.expand.share={share}", name=f"of_{share}") for share in (0.1, 0.5))
    own = sum(len(row.all_text.split()) for row in rows(few, "train"))
    assert len(rows(many, "synthetic")) > 3 * len(rows(few, "synthetic"))
    assert sum(len(row.all_text.split()) for row in rows(many, "synthetic")) <= 0.5 * own + 200
    (length,) = {int(r["messages"][0]["content"].split("of about ")[1].split()[0]) for r in endpoint.requests}
    assert abs(len(endpoint.requests) * length - (0.1 + 0.5) * own) <= 2 * length


def test_answers_longer_than_was_asked_for_do_not_add_up_to_more(
    prepared: Callable[..., Run], endpoint: Endpoint
) -> None:
    endpoint.answer = lambda n: (200, " ".join(NEW.format(n=f"{n} {m}") for m in range(12)))
    run = prepared("data.expand.share=0.5", "data.expand.words=60", "data.min_tokens=16")
    synthetic, own = ([len(row.all_text.split()) for row in rows(run, split)] for split in ("synthetic", "train"))
    assert 0.5 * sum(own) <= sum(synthetic) <= 0.5 * sum(own) + max(synthetic)


def test_what_is_validated_or_held_out_is_never_shown(prepared: Callable[..., Run], endpoint: Endpoint) -> None:
    run = prepared("data.expand.share=1.0")
    prompts = "\n".join(request["messages"][0]["content"] for request in endpoint.requests)
    assert any(row.all_text.strip()[:60] in prompts for row in rows(run, "train"))
    for split in ("val", "heldout"):
        assert not any(row.all_text.strip()[:60] in prompts for row in rows(run, split))


def test_a_passage_that_repeats_the_author_is_left_out(prepared: Callable[..., Run], endpoint: Endpoint) -> None:
    endpoint.answer = lambda n: (200, book(12).split("\n\n")[n % 5 + 1] * 3 if n % 2 else NEW.format(n=n) * 9)
    run = prepared("data.expand.share=1.0")
    reasons = read_document(run.stats_path, Stats).dropped_by_reason
    assert "a synthetic passage: repeats the author's own words" in reasons
    assert rows(run, "synthetic") and all("lower the rope" in row.all_text for row in rows(run, "synthetic"))


def test_a_passage_fits_a_row_and_ends_with_a_sentence(prepared: Callable[..., Run], endpoint: Endpoint) -> None:
    endpoint.answer = lambda n: (200, NEW.format(n=n) * 90 + "And then it bro")
    run = prepared("data.max_tokens=120", "data.min_tokens=32")
    synthetic = rows(run, "synthetic")
    assert synthetic and all(32 <= row.tokens <= 120 and row.all_text.endswith(".") for row in synthetic)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("", ""),
        ("no end to it", ""),
        ("Sure, here you go:\n\nYou wait. It rains.", "You wait. It rains."),
        ("You wait. “It rains,” you say", "You wait."),
        ("“It rains.”", "“It rains.”"),
        ("One line\nof verse.", "One line\nof verse."),
    ],
)
def test_an_answer_is_prose_up_to_its_last_whole_sentence(answer: str, text: str) -> None:
    assert expansion.clean_answer(answer) == text


def test_axolotl_reads_the_synthetic_rows_beside_the_others(prepared: Callable[..., Run]) -> None:
    run = prepared()
    settings = recipes.load("mine")
    tree = rendering.datasets(settings)
    assert [Path(d["path"]).name for d in tree["datasets"]] == ["train.jsonl", "synthetic.jsonl"]
    assert [Path(d["path"]).name for d in tree["test_datasets"]] == ["val.jsonl"]
    assert rendering.row_problems(tree) == []
    assert run.rows_path("completion", "synthetic") in run.axolotls_rows
    assert plan.data_amount(settings).rows == len(rows(run, "train")) + len(rows(run, "synthetic"))
    assert not base_model.problems(settings)
    assert f"| train: synthetic, by tiny-base | {len(rows(run, 'synthetic'))} |" in "\n".join(
        model_card._data(settings)
    )


def test_a_second_run_asks_nothing_again(prepared: Callable[..., Run], endpoint: Endpoint) -> None:
    first = rows(prepared(), "synthetic")
    requests = len(endpoint.requests)
    assert rows(prepared(name="again"), "synthetic") == first and len(endpoint.requests) == requests


def test_the_runs_own_base_is_served_meanwhile_unless_another_is_named(home: Path) -> None:
    recipes.freeze(recipes.compose("visions", ["data=expand"], run="own"))
    recipes.freeze(recipes.compose("visions", ["data=expand", "data.expand.url=http://127.0.0.1:9/v1"], run="other"))
    recipes.freeze(recipes.compose("visions", [], run="none"))
    asks = [worker.asks_its_own_model(recipes.load(name)) for name in ("own", "other", "none")]
    assert asks == [True, False, False]


def test_only_prose_is_expanded() -> None:
    with pytest.raises(UserError, match="every source must be of shape completion"):
        recipes.compose("brie", ["data=expand"])


def test_the_variant_of_visions_differs_in_nothing_else() -> None:
    plain, expanded = (
        recipes.compose("visions", words, run="r").recipe.model_dump() for words in ([], ["data=expand"])
    )
    variant: dict[str, Any] = yaml.safe_load((CONFIGS_DIR / "data" / "expand.yaml").read_text())["data"]["expand"]
    assert expanded["data"].pop("expand")["share"] == variant["share"]
    assert plain["data"].pop("expand") is None and plain == expanded
