"""What goes with a merged model, and how a model is put on the hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.engine import write_stats
from voicewright.core.documents.training import MergedModel, Parity
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.rows import PromptFormat
from voicewright.recipe import recipes
from voicewright.training import model_card, publishing
from voicewright.training.checkpoints import Checkpoint

PARITY = Parity(
    tensors=291,
    worst_relative=0.004,
    tokens=1234,
    mean_abs_nats=0.005,
    adapter_moved_nats=0.4,
    unquantised_gap_nats=0.0893,
)


def test_a_card_states_the_base_the_license_the_settings_and_the_parity(home: Path) -> None:
    recipe = recipes.compose("visions", run="test").recipe
    write_stats(Run("test"), "completion")
    base, checkpoint = "meta-llama/Llama-3.1-8B-Instruct", Checkpoint(30, home, 2.5, True)
    text = model_card.model_card(recipe, base, checkpoint, PARITY, PromptFormat())
    for words in ("license: llama3.1", "step 30", "| lora_r | 16 |", "0.40%", "0.0050 nats", "0.0893 nats", "2.5000"):
        assert words in text
    assert "nothing was merged" in model_card.model_card(recipe, base, checkpoint, None, PromptFormat())


def test_a_modelfile_prompts_as_the_model_was_trained() -> None:
    recipe = recipes.compose("visions").recipe
    assert 'TEMPLATE """{{ .Prompt }}"""' in model_card.modelfile(recipe, PromptFormat())
    system = 'You are """the author""".'
    text = model_card.modelfile(recipe, PromptFormat(prompt="chat", system=system))
    assert "TEMPLATE" not in text and text.count('"""') == 2 and "PARAMETER temperature 0.8" in text


def test_a_merged_model_of_an_earlier_version_without_parity_is_read() -> None:
    assert MergedModel.model_validate({"run": "a", "step": 3, "parity": {}}).parity is None


def test_pushing_asks_first_and_makes_a_private_repository(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, created = Run("test"), []
    with pytest.raises(UserError, match="owner/name"):
        publishing.push(run, "mine")
    with pytest.raises(UserError, match="make merge RUN=test"):
        publishing.push(run, "me/mine")
    run.merged_dir.mkdir(parents=True)
    (run.merged_dir / "config.json").write_text("{}")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(UserError, match="nothing was uploaded"):
        publishing.push(run, "me/mine")

    class Hub:
        def __init__(self, **_: object) -> None:
            pass

        def create_repo(self, name: str, **options: bool) -> None:
            created.append((name, options))

        def upload_folder(self, **_: object) -> object:
            return type("Commit", (), {"commit_url": "https://hub/me/mine/commit/1"})

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    publishing.push(run, "me/mine", confirmed=True)
    assert created == [("me/mine", {"private": True, "exist_ok": True})]
