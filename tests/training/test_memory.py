from __future__ import annotations

import functools
from pathlib import Path

import pytest
from rich.console import Console

from voicewright.core.errors import UserError
from voicewright.core.units import GB
from voicewright.pipeline import plan
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.training import disk, memory


@functools.cache
def composed(*overrides: str, name: str = "visions") -> Recipe:
    return recipes.compose(name, list(overrides)).recipe


@pytest.mark.parametrize(("model", "known_gb"), [("qwen3_32b", 17.6), ("qwen3_14b", 10.4)])
def test_weights_in_four_bits_are_what_is_known_of_them(model: str, known_gb: float) -> None:
    assert memory.memory(composed(f"model={model}")).weights == pytest.approx(known_gb, rel=0.15)


def test_the_adapter_of_rank_16_beside_every_matrix_of_llama_has_its_known_size() -> None:
    assert memory.adapter_weights(composed()) == 41_943_040  # what PEFT counts


def test_the_tiny_base_is_counted_exactly() -> None:
    d = composed("model=tiny", "hardware=cpu").model.dimensions
    per_layer = sum(a * b for a, b in list(memory._matrices(d).values())[:7]) + 2 * d.hidden
    assert memory.embedding_weights(d) + d.layers * per_layer + d.hidden == d.parameters


@pytest.mark.parametrize(
    "override",
    [
        "axolotl.micro_batch_size=4",
        "axolotl.gradient_checkpointing=false",
        "axolotl.lora_r=256",
        "axolotl.sequence_len=8192",
    ],
)
def test_more_of_anything_needs_more_memory(override: str) -> None:
    assert memory.memory(composed(override)).total > memory.memory(composed()).total


def test_four_bits_need_less_than_sixteen_and_those_less_than_all() -> None:
    totals = [memory.memory(composed(f"method={m}")).total for m in ("qlora", "lora", "full")]
    assert totals == sorted(totals)


def test_a_run_that_does_not_fit_is_told_the_least_change_that_does() -> None:
    overrides = ["model=qwen3_32b", "hardware=gpu_24gb", "axolotl.micro_batch_size=2"]
    recipe = composed(*overrides)
    assert not plan.fits(recipe)
    settings = plan.smaller_settings(recipe, overrides)
    changed = settings.split('"')[1].split()
    assert plan.fits(composed(*changed))


def test_a_larger_machine_is_named_where_no_change_helps() -> None:
    overrides = ["model=llama3_70b", "hardware=gpu_12gb"]
    recipe = recipes.compose("visions", overrides).recipe.model_copy(deep=True)
    recipe.model.smaller = None
    assert plan.larger_machine(recipe) == 'SET="hardware=gpu_80gb" has the memory'


def test_sharing_out_divides_what_the_engine_shares() -> None:
    alone = memory.memory(composed("method=full", "hardware=gpu_80gb"))
    two = memory.memory(composed("method=full", "hardware=gpu_2x24gb_zero2"))
    four = memory.memory(composed("method=full", "hardware=gpu_4x80gb_zero3"))
    assert two.weights == alone.weights and two.optimizer == pytest.approx(alone.optimizer / 2)
    assert four.weights == pytest.approx(alone.weights / 4)
    assert four.logits == alone.logits


def test_no_change_is_named_that_is_not_needed() -> None:
    overrides = ["model=qwen3_32b", "hardware=gpu_16gb"]
    settings = plan.smaller_settings(composed(*overrides), overrides)
    assert settings.startswith('SET="axolotl.sequence_len=1024 hardware=gpu_16gb model=qwen3_14b"')


def test_a_disk_that_is_too_small_is_refused_with_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicewright.core.paths.shutil.disk_usage", lambda _: type("Usage", (), {"free": 10 * GB}))
    with pytest.raises(UserError, match=r"(?s)10.0 GB free.*download: 15.0 GB.*save_total_limit"):
        disk.check(composed())


def test_a_full_fine_tune_keeps_whole_models() -> None:
    parts = memory.disk(composed("method=full"), is_downloaded=True)
    assert parts["download"] == 0
    assert parts["checkpoints"] == pytest.approx(6 * 14.96, rel=0.01)


def test_rows_are_estimated_from_text_alone_in_folders_and_globs(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("word " * 20_000)
    (tmp_path / ".DS_Store").write_bytes(b"x" * 9)
    for source in (tmp_path, tmp_path / "**" / "*.txt"):
        data = plan.data_amount(composed(f"source={source}"))
        assert (data.rows, data.tokens) == (8, 18_604)
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7")
    assert plan.data_amount(composed(f"source={tmp_path}")).rows == 0


def test_a_base_is_said_to_be_made_first_only_where_the_parent_makes_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(home))
    # Neither is described, so that their configs are not asked for.
    monkeypatch.setattr("voicewright.recipe.base_models.described", lambda _: None)
    for path, content in (("refs/main", "1"), ("snapshots/1/model.safetensors", "")):
        (home / "models--me--mine" / path).parent.mkdir(parents=True)
        (home / "models--me--mine" / path).write_text(content)

    def base_of(*overrides: str) -> str:
        console = Console(width=200)
        with console.capture() as capture:
            recipe = recipes.compose("freethought_dpo", list(overrides)).recipe
            console.print(plan.table(plan.make_plan(recipe, [])))
        return next(line for line in capture.get().splitlines() if "base model" in line)

    assert "made by freethought, which runs first" in base_of()
    assert "on this disk" in base_of("axolotl.base_model=me/mine")
    assert "GB to download" in base_of("axolotl.base_model=me/another")
