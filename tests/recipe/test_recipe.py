from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from voicewright.core import paths
from voicewright.core.errors import UserError
from voicewright.core.paths import REPO_DIR, Run
from voicewright.recipe import limits, recipes, validation
from voicewright.training.rendering import axolotl_yaml

GOLDEN_DIR = Path(__file__).parent.parent / "golden"


def golden(name: str) -> str:
    composed = recipes.compose(name)
    return composed.yaml() + "---\n" + axolotl_yaml(composed.recipe)


@pytest.mark.parametrize("name", recipes.names())
def test_every_shipped_recipe_renders_what_it_did(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refresh with: GOLDEN=write make test-fast, and read the diff."""
    monkeypatch.delenv("VOICEWRIGHT_HOME")
    path = GOLDEN_DIR / f"{name}.yaml"
    text = golden(name).replace(f"prepared/{_digest(name)}", "prepared/ROWS")
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text)
    if not path.exists():
        pytest.skip("a recipe of somebody's own; GOLDEN=write keeps what it renders")
    assert text == path.read_text()


def test_every_recipe_that_is_kept_has_what_it_renders_kept_too() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "recipes/*.yaml"], cwd=REPO_DIR, capture_output=True, text=True, check=False
    )
    if not listed.stdout:
        pytest.skip("no git here that tells which recipes are kept")
    assert {Path(path).stem for path in listed.stdout.split()} <= {path.stem for path in GOLDEN_DIR.glob("*.yaml")}


def _digest(name: str) -> str:
    rendered = yaml.safe_load(axolotl_yaml(recipes.compose(name).recipe))
    return Path(rendered["dataset_prepared_path"]).name


@pytest.mark.parametrize("name", recipes.names())
def test_every_shipped_recipe_composes_for_the_tiny_model_on_a_cpu(name: str) -> None:
    composed = recipes.compose(name, ["model=tiny", "hardware=cpu"])
    assert composed.recipe.axolotl["sequence_len"] <= 512
    assert composed.recipe.data.max_tokens <= composed.recipe.axolotl["sequence_len"] - limits.SPECIAL_TOKENS
    assert composed.recipe.axolotl["bf16"] is False
    assert composed.recipe.axolotl["attn_implementation"] == "sdpa"


def problems(name: str, *overrides: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        recipes.compose(name, list(overrides))
    return caught.value.problems


def test_misspelt_keys_are_refused_together_with_what_was_meant() -> None:
    found = problems("visions", "axolotl.lora_rr=8", "axolotl.learnin_rate=1", "data.min_token=3")
    assert "SET: axolotl.lora_rr: no such key, did you mean lora_r?" in found
    assert "SET: axolotl.learnin_rate: no such key, did you mean learning_rate?" in found
    assert "SET: data.min_token: no such key, did you mean min_tokens?" in found
    assert len(found) == 3


def test_a_misspelt_key_deep_in_our_sections_is_refused() -> None:
    assert problems("visions", "model.dimensions.layerz=3") == [
        "SET: model.dimensions.layerz: no such key, did you mean layers?"
    ]
    assert "did you mean path?" in problems("visions", "data.sources.visions.pathe=x")[0]


def test_a_misspelt_key_deep_in_axolotls_sections_is_refused() -> None:
    found = problems("visions", "axolotl.fsdp_config.reshard_after_forwards=true")
    assert "did you mean reshard_after_forward?" in found[0]


def test_a_misspelt_key_for_vllm_is_refused() -> None:
    assert "did you mean max_model_len?" in problems("visions", "vllm.max_model_length=1")[0]


def test_a_key_that_upstream_knows_and_we_do_not_passes_through() -> None:
    composed = recipes.compose("demo", ["axolotl.weight_decay=0.1", "vllm.max_num_seqs=4"])
    assert composed.recipe.axolotl["weight_decay"] == 0.1
    assert composed.recipe.vllm["max_num_seqs"] == 4


def test_a_mistake_inside_a_recipe_file_is_named_by_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (paths.RECIPES_DIR / "visions.yaml").read_text().replace("learning_rate", "learnin_rate")
    recipes_dir = tmp_path / "recipes"
    recipes_dir.mkdir()
    (recipes_dir / "visions.yaml").write_text(text)
    monkeypatch.setattr("voicewright.core.paths.RECIPES_DIR", recipes_dir)
    monkeypatch.setattr("voicewright.recipe.validation.REPO_DIR", tmp_path)
    line = 1 + next(i for i, said in enumerate(text.splitlines()) if "learnin_rate" in said)
    assert problems("visions") == [
        f"recipes/visions.yaml:{line}: axolotl.learnin_rate: no such key, did you mean learning_rate?"
    ]


def test_a_wrong_recipe_or_choice_lists_those_that_exist() -> None:
    assert "did you mean visions?" in problems("vision")[0]
    assert "demo" in problems("vision")[0]
    assert "no such model, did you mean tiny?" in problems("visions", "model=tny")[0]


def test_every_error_of_a_set_is_reported_at_once() -> None:
    errors = problems("visions", "model=tyni", "axolotl.lora_rr=8", "hardware", "data.max_tokens=1", "eval.seed=1,2")
    assert any(error.startswith("SET: model=tyni: no such model") for error in errors)
    assert "SET: axolotl.lora_rr: no such key, did you mean lora_r?" in errors
    assert "SET: 'hardware' is not key=value, such as axolotl.lora_r=32" in errors
    assert "SET: 'eval.seed=1,2' has several values, and a run takes one" in errors
    assert any(error.startswith("SET: data.max_tokens: ") for error in errors) and len(errors) == 5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model.licence=mit", "model.licence is now called license"),
        ("data.qa.key_variable=K", "data.qa.key_variable is now called api_key_env"),
        ("data.qa.tries=3", "data.qa.tries is now called max_retries, which does not count the first try"),
        ("data.qa.wait_s=1", "data.qa.wait_s is now called first_delay_s"),
        ("data.qa.price_in=1", "data.qa.price_in is now called price_per_million_input"),
        ("data.qa.price_out=1", "data.qa.price_out is now called price_per_million_output"),
        ("data.expand.key_variable=K", "data.expand.key_variable is now called api_key_env"),
        ("data.expand.tries=3", "data.expand.tries is now called max_retries, which does not count the first try"),
        ("data.expand.wait_s=1", "data.expand.wait_s is now called first_delay_s"),
        ("data.expand.price_in=1", "data.expand.price_in is now called price_per_million_input"),
        ("data.expand.price_out=1", "data.expand.price_out is now called price_per_million_output"),
        ("data.expand.shown=2", "data.expand.shown is now called example_passages"),
        ("eval.attempts=6", "eval.attempts is now called max_retries, which does not count the first try"),
        ("judges.mine.key_env=K", "judges.mine.key_env is now called api_key_env"),
        ("judges.mine.input_price=1", "judges.mine.input_price is now called price_per_million_input"),
        ("judges.mine.output_price=1", "judges.mine.output_price is now called price_per_million_output"),
        ("blind.court.cases=30", "blind.court is now called judge_qualification"),
        ("blind.court.unscored=0.1", "blind.court.unscored is now called max_unscored"),
    ],
)
def test_a_former_spelling_is_refused_with_the_new_one_named(old: str, new: str) -> None:
    errors = problems("visions", old)
    assert errors[0].startswith(f"SET: {new}")
    assert all("is now called" in error for error in errors), "nothing else is wrong"


def test_every_former_spelling_is_tested() -> None:
    (cases,) = [mark.args[1] for mark in test_a_former_spelling_is_refused_with_the_new_one_named.pytestmark]  # type: ignore[attr-defined]
    tested = {new.partition(" is now called")[0].replace("judges.mine", "judges.*") for _, new in cases}
    assert tested == set(validation.RENAMED_KEYS)


def test_a_frozen_recipe_with_a_former_spelling_is_refused_by_file_and_line(home: Path) -> None:
    run = Run(recipes.load("demo").run)
    text = run.recipe_path.read_text().replace("  max_retries: 5\n", "  attempts: 6\n").replace("license:", "licence:")
    run.recipe_path.write_text(text)
    with pytest.raises(UserError) as caught:
        recipes.load(run.name)
    lines = text.splitlines()
    attempts, licence = lines.index("  attempts: 6") + 1, lines.index("  licence: MIT") + 1
    assert caught.value.problems == [
        f"{run.recipe_path}:{licence}: model.licence is now called license",
        f"{run.recipe_path}:{attempts}: eval.attempts is now called max_retries, which does not count the first try "
        "(3 tries are max_retries: 2)",
    ]
    assert caught.value.hint and f"make clean RUN={run.name}" in caught.value.hint


@pytest.mark.parametrize("name", validation.LAUNCHER_KEYS)
def test_what_the_launcher_sets_is_refused_in_a_recipe_with_the_reason(name: str) -> None:
    (error,) = problems("demo", f"axolotl.{name}=x")
    reason = validation.LAUNCHER_KEYS[name]
    assert error == f"SET: axolotl.{name} is set by the launcher and cannot be set in a recipe: {reason}"
    assert name in validation.upstream_keys("axolotl"), "a key of Axolotl's"


def test_a_recipes_plugins_are_added_to_ours() -> None:
    recipe = recipes.compose("demo", ["axolotl.plugins=[axolotl.integrations.liger.LigerPlugin]"]).recipe
    assert yaml.safe_load(axolotl_yaml(recipe))["plugins"] == [
        "voicewright_progress.ProgressPlugin",
        "voicewright_cpu.CpuPlugin",
        "axolotl.integrations.liger.LigerPlugin",
    ]


def test_a_hardware_file_may_inherit_and_is_read_whole() -> None:
    machine = recipes.choice_tree("hardware", "gpu_8x80gb_zero3")["hardware"]
    assert (machine["accelerator"], machine["memory_gb"], machine["devices"]) == ("cuda", 80, 8)
    (error,) = problems("visions", "hardware=cluster_2x8x80gb", "axolotl.lora_rr=1")
    assert error.startswith("SET: axolotl.lora_rr")


def test_a_sweep_is_not_a_run() -> None:
    assert "has several values" in problems("visions", "model=tiny,llama3_1_8b")[0]


def test_a_value_beyond_the_limits_is_brought_down_with_both_named() -> None:
    composed = recipes.compose("visions", ["model=tiny", "hardware=cpu"])
    assert "axolotl.sequence_len: 4096 -> 512 (model tiny)" in composed.notices
    assert composed.recipe.data.min_tokens < composed.recipe.data.max_tokens


def test_an_explicit_value_beyond_the_limits_is_refused() -> None:
    found = problems("visions", "model=tiny", "hardware=cpu", "axolotl.sequence_len=4096")
    assert found == ["SET: axolotl.sequence_len=4096 is out of reach: model tiny allows 512"]


def test_a_rate_written_with_an_exponent_stays_a_number() -> None:
    composed = recipes.compose("visions", ["axolotl.learning_rate=3e-4"])
    assert yaml.safe_load(composed.yaml())["axolotl"]["learning_rate"] == 0.0003


def test_rendering_is_deterministic() -> None:
    assert golden("visions") == golden("visions")


def test_one_source_replaces_the_recipes(tmp_path: Path) -> None:
    composed = recipes.compose("visions", [f"source={tmp_path}"])
    assert {name: s.path for name, s in composed.recipe.data.sources.items()} == {"source": str(tmp_path)}


def test_a_run_that_has_begun_refuses_a_set_that_contradicts_it(home: Path) -> None:
    first = recipes.load("demo", ["axolotl.lora_r=8"], run="mine")
    assert recipes.load("mine").axolotl["lora_r"] == 8
    assert recipes.load("mine", ["axolotl.lora_r=8"]) == first
    with pytest.raises(UserError, match="contradicts"):
        recipes.load("mine", ["axolotl.lora_r=16"])


@given(st.lists(st.text(min_size=1, max_size=20), max_size=4))
def test_a_run_name_is_a_safe_folder_name(overrides: list[str]) -> None:
    name = recipes.run_name("visions", overrides)
    assert name.startswith("visions")
    assert "/" not in name and ".." not in name.split("-") and len(name) <= 120


def test_two_long_run_names_that_differ_at_their_ends_are_two() -> None:
    same = [f"axolotl.key_{n}=1" for n in range(12)]
    first, second = (recipes.run_name("visions", [*same, f"eval.seed={n}"]) for n in (1, 2))
    assert first != second and len(first) == len(second) == recipes.MAX_NAME_LENGTH


def test_mistakes_show_in_under_a_second_without_a_traceback() -> None:
    command = [sys.executable, "-m", "voicewright", "render", "visions"]
    env = {**os.environ, "SET": "axolotl.lora_rr=8 axolotl.learnin_rate=1"}
    result = subprocess.run(command, cwd=REPO_DIR, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "did you mean lora_r" in result.stderr and "did you mean learning_rate" in result.stderr
    assert "Traceback" not in result.stderr
