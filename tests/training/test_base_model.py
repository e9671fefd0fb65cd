"""Mistakes about the base model and the rows, found before the engine starts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from voicewright.core.errors import UserError
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import write_json, write_rows
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.training import base_model, rendering
from voicewright.training.rendering import axolotl_yaml


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "base"
    shutil.copytree(REPO_DIR / "models" / "tiny-base", copy)
    return copy


def composed(folder: Path | str, *overrides: str) -> Recipe:
    return recipes.compose("demo", [f"axolotl.base_model={folder}", *overrides], run="test").recipe


def edit(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_good_base_has_no_problems(folder: Path, home: Path) -> None:
    assert base_model.problems(composed(folder)) == []


def test_a_folder_that_is_not_there_is_named(home: Path) -> None:
    assert "there is no folder models/nothing" in base_model.problems(composed("models/nothing"))[0]
    assert "neither a folder here nor owner/name" in base_model.problems(composed("nothing"))[0]


def test_a_model_that_is_not_a_causal_one_is_refused(folder: Path, home: Path) -> None:
    edit(folder / "config.json", architectures=["BertForMaskedLM"])
    assert "BertForMaskedLM is not a causal language model" in base_model.problems(composed(folder))[0]


def test_a_tokenizer_without_a_pad_token_is_refused_until_one_is_named(folder: Path, home: Path) -> None:
    edit(folder / "tokenizer_config.json", pad_token=None)
    assert "no pad token" in base_model.problems(composed(folder))[0]
    assert base_model.problems(composed(folder, "axolotl.special_tokens.pad_token='<|pad|>'")) == []


def test_chats_need_a_chat_template(folder: Path, home: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    assert base_model.problems(composed(folder)) == []
    chats = "data.sources.sample.shape=chat"
    assert "no chat template" in base_model.problems(composed(folder, chats))[0]
    assert base_model.problems(composed(folder, chats, "axolotl.chat_template=chatml")) == []


def test_a_target_module_that_does_not_exist_is_named_with_what_was_meant(folder: Path, home: Path) -> None:
    problems = base_model.problems(composed(folder, "axolotl.lora_target_modules=[q_proj,qkv_proj,up_prj]"))
    assert len(problems) == 2
    assert "no up_prj, did you mean up_proj?" in problems[1]


def test_a_sequence_longer_than_the_model_is_brought_down_or_refused_in_a_set(folder: Path, home: Path) -> None:
    edit(folder / "config.json", max_position_embeddings=256)
    assert composed(folder).axolotl["sequence_len"] == 256
    with pytest.raises(UserError, match=r"sequence_len=480 is out of reach: model base allows 256"):
        composed(folder, "axolotl.sequence_len=480")


def rows(run: str, split: str, count: int, tokens: int = 100) -> None:
    path = Run(run).rows_path("completion", split)
    write_rows(path, ({"id": str(i), "source": "a", "text": "A sentence.", "tokens": tokens} for i in range(count)))
    write_json(Run(run).stats_path, {"format": {"special_tokens": 1}})


def test_packing_twenty_rows_is_refused_with_the_steps_it_leaves(folder: Path, home: Path) -> None:
    rows("test", "train", 20)
    (problem,) = base_model.problems(composed(folder, "hardware=gpu_24gb", "axolotl.sample_packing=true"))
    assert "20 training rows into 8 steps" in problem and "axolotl.sample_packing=false" in problem
    assert base_model.problems(composed(folder)) == []


def test_more_validation_than_training_is_refused(folder: Path, home: Path) -> None:
    rows("test", "train", 5)
    rows("test", "val", 6)
    assert "lower data.val_share" in base_model.problems(composed(folder))[0]


def test_chat_rows_under_a_completion_type_are_refused_with_the_type_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "REPO_DIR", tmp_path)
    monkeypatch.setattr("voicewright.core.paths.PROJECT_DIR", tmp_path)
    write_rows(tmp_path / "train.jsonl", [{"text": "a"}, {"messages": []}])
    entry = {"path": "train.jsonl", "ds_type": "json", "type": "completion", "field": "text"}
    (problem,) = rendering.row_problems({"datasets": [entry]})
    assert problem.startswith("train.jsonl:2: type completion reads text, which the row lacks; ")
    assert problem.endswith("its fields (messages) fit type: chat_template")


def test_all_mistakes_come_at_once(folder: Path, home: Path) -> None:
    edit(folder / "config.json", architectures=["BertForMaskedLM"])
    edit(folder / "tokenizer_config.json", pad_token=None)
    with pytest.raises(UserError) as caught:
        axolotl_yaml(composed(folder, "axolotl.lora_target_modules=[nothing]"))
    assert len(caught.value.problems) == 3
