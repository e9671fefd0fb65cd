"""Every model on every machine renders into YAML that the pinned Axolotl accepts."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from voicewright.core import environments
from voicewright.core.paths import CONFIGS_DIR, REPO_DIR
from voicewright.recipe import recipes
from voicewright.recipe.schema import Hardware
from voicewright.training import axolotl_validation
from voicewright.training.rendering import axolotl_yaml


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS_DIR / group).glob("*.yaml"))


def rendered(*overrides: str) -> tuple[str, Hardware]:
    composed = recipes.compose("visions", list(overrides)).recipe
    return axolotl_yaml(composed), composed.hardware


@pytest.mark.parametrize("model", choices("model"))
def test_a_model_says_what_planning_and_serving_need(model: str) -> None:
    recipe = recipes.compose("visions", [f"model={model}"]).recipe
    d = recipe.model.dimensions
    assert recipe.model.name == model
    assert recipe.limits.model.at_most["vllm.max_model_len"] <= recipe.model.context
    assert recipe.model.smaller in {None, *choices("model")}
    # The dimensions make up the parameters: attention, a gated or plain feed-forward part, embeddings.
    matrices = d.hidden * d.head_dim * (2 * d.heads + 2 * d.kv_heads) + 3 * d.hidden * d.intermediate
    counted = d.layers * matrices + d.vocab * d.hidden * (1 if d.tied_embeddings else 2)
    assert counted == pytest.approx(d.active_parameters or d.parameters, rel=0.35)


@pytest.mark.parametrize("hardware", [h for h in choices("hardware") if h.startswith(("gpu", "cluster"))])
def test_a_gpu_takes_bfloat16_where_it_has_it(hardware: str) -> None:
    assert yaml.safe_load(rendered(f"hardware={hardware}")[0])["bf16"] == "auto"


def test_where_four_bits_cannot_be_qlora_becomes_lora_with_both_named() -> None:
    composed = recipes.compose("visions", ["hardware=apple"])
    assert composed.recipe.axolotl["adapter"] == "lora"
    assert "axolotl.adapter: qlora -> lora (hardware apple)" in composed.notices
    assert recipes.compose("visions", ["hardware=apple", "method=full"]).recipe.axolotl.get("adapter") is None


def test_a_full_fine_tune_brings_an_adapters_rate_down_unless_it_is_asked_for() -> None:
    assert recipes.compose("visions", ["method=full"]).recipe.axolotl["learning_rate"] == 5e-6
    full = recipes.compose("visions", ["method=full", "axolotl.learning_rate=1e-5"]).recipe
    assert full.axolotl["learning_rate"] == 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train", "serve"])
def test_the_pins_for_cuda_can_be_installed_together(name: str, tmp_path: Path) -> None:
    words = ["--override", "requirements/overrides.txt", "--python-platform", "x86_64-unknown-linux-gnu", "--quiet"]
    uv = environments.UV_PATH if environments.UV_PATH.exists() else shutil.which("uv")
    result = subprocess.run(
        [str(uv), "pip", "compile", *words, f"requirements/{name}-cuda.txt", "-o", tmp_path / "pins.txt"],
        cwd=REPO_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "error sending request" in result.stderr or "Failed to fetch" in result.stderr:
        pytest.skip("no package index can be reached from here")
    assert result.returncode == 0, result.stderr


@pytest.mark.long
@pytest.mark.engine
def test_axolotl_accepts_every_model_on_every_machine_and_refuses_nonsense() -> None:
    words = [[f"model={m}", f"hardware={h}"] for m, h in itertools.product(choices("model"), choices("hardware"))]
    machines = ("cpu", "gpu_24gb", "gpu_4x80gb_zero3", "gpu_4x80gb_fsdp2", "apple")
    words += [[f"method={m}", f"hardware={h}"] for m, h in itertools.product(("lora", "full", "pretrain"), machines)]
    words += [["method=dpo", f"hardware={h}", "data.sources.visions.shape=preference"] for h in machines]
    words += [[f"tracking={t}"] for t in choices("tracking")]
    words += [["early_stopping.watch=loss"]]
    refusals = axolotl_validation.refusals([rendered(*overrides) for overrides in words])
    assert {" ".join(overrides): reasons for overrides, reasons in zip(words, refusals, strict=True) if reasons} == {}

    text, hardware = rendered()
    wrong = yaml.safe_dump({**yaml.safe_load(text), "load_in_4bit": False, "sample_packing": True, "rl": "dpo"})
    assert axolotl_validation.refusals([(wrong, hardware)])[0]
