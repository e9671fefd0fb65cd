"""A base model that no file of configs/model/ describes is read from its own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from voicewright.core import hub
from voicewright.core.errors import UserError
from voicewright.core.paths import REPO_DIR
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000, "max_position_embeddings": 3000,
    "tie_word_embeddings": True,
}  # fmt: skip


def composed(base: str | Path, *overrides: str) -> Recipe:
    return recipes.compose("visions", [f"axolotl.base_model={base}", *overrides], run="test").recipe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": "{% if enable_thinking %}{% endif %}"})
    )
    (tmp_path / "generation_config.json").write_text(json.dumps({"temperature": 0.6, "top_k": 20}))
    (tmp_path / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    return tmp_path


def test_a_folder_is_read_instead_of_keeping_another_models_figures(folder: Path) -> None:
    recipe = composed(folder)
    model, dimensions = recipe.model, recipe.model.dimensions
    assert (model.name, model.license, model.gated, model.chat) == (folder.name, "apache-2.0", False, True)
    assert (model.context, model.thinking, model.smaller) == (3000, False, None)
    assert (dimensions.hidden, dimensions.layers, dimensions.kv_heads, dimensions.head_dim) == (64, 2, 2, 16)
    assert (model.sampling.temperature, model.sampling.top_k) == (0.6, 20)
    assert recipe.axolotl["sequence_len"] == 3000, "the recipe's 4,096 are brought down to the context"
    assert recipe.axolotl["lora_target_linear"] is True and "lora_target_modules" not in recipe.axolotl
    assert recipe.axolotl["chat_template_kwargs"] == {"enable_thinking": False}


def test_the_size_of_the_embedded_model_follows_from_its_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((REPO_DIR / "models/tiny-base/config.json").read_text())
    assert composed(tmp_path).model.dimensions.parameters == recipes.compose("demo").recipe.model.dimensions.parameters


def test_what_the_user_says_of_the_model_stays(folder: Path) -> None:
    recipe = composed(folder, "model.license=mine", "axolotl.lora_target_modules=[q_proj]")
    assert recipe.model.license == "mine" and recipe.model.context == 3000
    assert recipe.axolotl["lora_target_modules"] == ["q_proj"] and "lora_target_linear" not in recipe.axolotl


def test_a_model_with_a_file_of_its_own_is_described_by_it() -> None:
    assert composed("microsoft/phi-2").model.name == "phi_2"


def test_a_model_of_the_hub_is_read_from_the_cache_or_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "cached_file", lambda name, file: None)
    monkeypatch.setattr(hub, "fetch_file", lambda name, file: folder / file if (folder / file).exists() else None)
    monkeypatch.setattr(hub, "parameter_count", lambda name: 123)
    monkeypatch.setattr(hub, "license_of", lambda name: ("llama3", True))
    model = composed("me/mine").model
    assert (model.name, model.license, model.gated, model.dimensions.parameters) == ("mine", "llama3", True, 123)


def test_a_hub_that_does_not_answer_is_an_error_with_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str, file: str) -> None:
        raise hub.HubUnreachableError

    monkeypatch.setattr(hub, "cached_file", lambda name, file: None)
    monkeypatch.setattr(hub, "fetch_file", unreachable)
    with pytest.raises(UserError, match="me/mine: no file of configs/model/ describes it") as caught:
        composed("me/mine")
    assert "model.dimensions" in str(caught.value.hint)
