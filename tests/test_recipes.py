"""The recipes: their numbers, their commands, their samples, and what they measure beside the voice."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_recipe_journeys import JOURNEYS, MINIATURE
from voicewright.core.errors import UserError
from voicewright.core.gpus import Card
from voicewright.core.paths import PROMPTS_DIR, REPO_DIR
from voicewright.core.records import read_rows
from voicewright.generation import mode_tags, preference_margins
from voicewright.generation.prompts import read_prompts
from voicewright.recipe import recipes
from voicewright.recipe.limits import get
from voicewright.training import axolotl_validation, memory, oom_fallback
from voicewright.training.rendering import axolotl_yaml

MANUSCRIPTS_DIR = REPO_DIR / "manuscripts"
COMMAND = re.compile(r'RECIPE=(\w+)[^\n`]*? SET="([^"]*)"')
# What the recipes name and no page gives a command for: other models, and what the larger ones fall back to.
ALSO = {
    ("visions", "model=qwen2_5_14b"),
    ("visions", "axolotl.sequence_len=3072"),
    ("visions", "axolotl.sequence_len=3072 axolotl.lora_r=8"),
    ("modes", "model=phi_3_medium hardware=gpu_80gb data.modes.family=phi"),
    ("modes", "model=gptj_6b hardware=gpu_80gb data.modes.family=gptj"),
    ("modes_daily", "model=qwen2_5_7b hardware=gpu_80gb"),
    ("freethought", "method=full hardware=gpu_80gb"),
    ("peterson_32b", "axolotl.sequence_len=768"),
    ("peterson_32b", "axolotl.sequence_len=768 model=qwen3_30b_a3b"),
    ("peterson_32b", "axolotl.sequence_len=768 model=qwen3_14b"),
}


def numbers() -> list[tuple[str, str, str]]:
    """(recipe, key, value) of every row of the table in recipes/README.md."""
    lines = (REPO_DIR / "recipes" / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [(row[1], row[2], row[3]) for row in cells if len(row) == 4 and row[1] in recipes.names()]


def test_the_table_of_numbers_covers_all_five_voices() -> None:
    counted = Counter(name.split("_")[0] for name, _, _ in numbers())
    assert set(counted) == {"visions", "brie", "modes", "freethought", "peterson"}
    assert len(numbers()) > 70


def test_every_test_that_the_table_names_is_there() -> None:
    named = re.findall(r"\| `(test_\w+)` \|", (REPO_DIR / "recipes" / "README.md").read_text(encoding="utf-8"))
    written = "\n".join(path.read_text(encoding="utf-8") for path in (REPO_DIR / "tests").rglob("test_*.py"))
    assert len(named) > 20 and [name for name in named if f"def {name}(" not in written] == []


@pytest.mark.parametrize("name", sorted({name for name, _, _ in numbers()}))
def test_every_number_of_the_table_is_what_the_recipe_says(name: str) -> None:
    tree = recipes.compose(name).recipe.model_dump(mode="json")
    said = {key: yaml.safe_load(value) for each, key, value in numbers() if each == name}
    assert {key: get(tree, key) for key in said} == said


def test_the_three_models_of_bries_sweep_take_the_same_chats() -> None:
    composed = [recipes.compose("brie", [f"model={m}"]).recipe for m in ("qwen2_5_0_5b", "qwen2_5_3b", "llama3_2_3b")]
    assert len({str(each.data) for each in composed}) == 1
    assert len({each.axolotl["base_model"] for each in composed}) == 3


def test_brie_draws_from_ten_system_prompts() -> None:
    system = recipes.compose("brie").recipe.data.sources["brie"].system
    assert isinstance(system, list) and len(set(system)) == 10


def test_visions_is_asked_of_six_targets_and_its_rubric() -> None:
    wanted = recipes.compose("visions").recipe
    aimed = wanted.targets.model_dump(include={"transfer", "vocabulary", "structure", "markers", "pov", "blind"})
    assert aimed == {"transfer": 60, "vocabulary": 70, "structure": 65, "markers": 50, "pov": 80, "blind": 60}
    assert len(wanted.blind.rubric) == 7


def test_brie_asks_13_prompts_in_its_field_and_three_of_each_kind_outside_it() -> None:
    listed = [
        p for name in recipes.compose("brie").recipe.eval.prompts for p in read_prompts(PROMPTS_DIR / f"{name}.jsonl")
    ]
    outside = ("mathematics", "practical", "creative", "facts", "code")
    assert Counter(p.domain for p in listed) == {"thinker": 13, **dict.fromkeys(outside, 3)}


def test_the_comprehensive_set_has_57_prompts() -> None:
    settings = recipes.compose("brie", ["eval=comprehensive"]).recipe.eval
    assert sum(len(read_prompts(PROMPTS_DIR / f"{name}.jsonl")) for name in settings.prompts) == 57


def test_qwen3_is_sampled_as_its_makers_say_thinking_or_not() -> None:
    for model, drawn in (("qwen3_14b", (0.7, 0.8, 20)), ("qwen3_14b_thinking", (0.6, 0.95, 20))):
        composed = recipes.compose("peterson", [f"model={model}"]).recipe
        sampling = composed.model.sampling
        assert (sampling.temperature, sampling.top_p, sampling.top_k) == drawn
        switch = {"enable_thinking": composed.model.thinking}
        assert composed.axolotl["chat_template_kwargs"] == composed.vllm["default_chat_template_kwargs"] == switch


def test_four_judges_at_endpoints_can_be_asked() -> None:
    judges = recipes.compose("brie", ["judges=four"]).recipe.judges
    assert sum(judge.kind == "endpoint" for judge in judges.values()) == 4


def test_the_32b_falls_back_to_what_its_page_names(home: Path) -> None:
    wanted, seen = recipes.load("peterson_32b", run="test"), []
    with pytest.raises(UserError):
        while True:
            oom_fallback.take_next_step(wanted, "out of memory")
            wanted = recipes.load("test")
            seen.append((wanted.model.name, wanted.axolotl["sequence_len"]))
    assert seen[:3] == [("qwen3_32b", 768), ("qwen3_30b_a3b", 768), ("qwen3_14b", 768)]


def test_visions_goes_down_to_3072_then_to_half_its_rank_then_to_a_smaller_model(home: Path) -> None:
    wanted, seen = recipes.load("visions", run="test"), []
    for _ in range(4):
        oom_fallback.take_next_step(wanted, "out of memory")
        wanted = recipes.load("test")
        seen.append((wanted.axolotl["sequence_len"], wanted.axolotl["lora_r"], wanted.model.name))
    assert seen[:2] == [(3072, 16, "llama3_1_8b"), (3072, 8, "llama3_1_8b")]
    assert seen[3][2] == "llama3_2_3b"


@pytest.mark.parametrize(("free_mib", "enough"), [(17000, False), (17500, True)])
def test_a_card_with_too_little_free_memory_is_named_before_loading(
    free_mib: int, enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card("NVIDIA GeForce RTX 4090", 24564 * 2**20, free_mib * 2**20)
    monkeypatch.setattr("voicewright.training.memory.cards", lambda: [card])
    wanted = recipes.compose("peterson_32b").recipe
    if enough:
        memory.check_free(wanted)
    else:
        with pytest.raises(UserError, match=r"card 0: 16\.6 GB free") as caught:
            memory.check_free(wanted)
        assert "qwen3_30b_a3b" in str(caught.value.hint)


# --- commands ----------------------------------------------------------------------------------


def commands() -> set[tuple[str, str]]:
    """(recipe, overrides) of every command on the pages and in the recipes, and of every recipe as it stands."""
    pages = [REPO_DIR / "README.md", *sorted((REPO_DIR / "recipes").glob("*.*"))]
    given = {found for page in pages for found in COMMAND.findall(page.read_text(encoding="utf-8"))}
    return given | {(name, "") for name in recipes.names()}


def variants(words: str) -> list[list[str]]:
    """The overrides of each run of a sweep; of the one run where nothing is swept."""
    keys = [word.partition("=") for word in words.split()]
    axes = [[value] if value.startswith("[") else value.split(",") for _, _, value in keys]
    return [[f"{key}={v}" for (key, _, _), v in zip(keys, each, strict=True)] for each in itertools.product(*axes)]


def test_the_pages_figures_come_from_the_journeys_that_are_tested() -> None:
    small = {(name, words) for name, words in commands() if "model=tiny" in words and "eval." in words}
    assert small == {(name, MINIATURE) for name in JOURNEYS}


@pytest.mark.engine
def test_axolotl_accepts_every_recipe_and_every_command_of_its_page(home: Path) -> None:
    runs = [(name, each) for name, words in sorted(commands() | ALSO) for each in variants(words)]
    composed = [recipes.compose(name, overrides).recipe for name, overrides in runs]
    assert {("brie", "model=llama3_2_3b"), ("visions", "model=qwen2_5_7b")} < {(n, " ".join(o)) for n, o in runs}
    found = axolotl_validation.refusals([(axolotl_yaml(each), each.hardware) for each in composed])
    assert {str(run): reasons for run, reasons in zip(runs, found, strict=True) if reasons} == {}


# --- samples -----------------------------------------------------------------------------------


def test_the_samples_are_as_large_as_their_pages_say() -> None:
    chats = json.loads((MANUSCRIPTS_DIR / "sample_brie/conversations.json").read_text(encoding="utf-8"))
    assert len(chats) == 61

    def rows(path: str) -> list[Any]:
        return list(read_rows(MANUSCRIPTS_DIR / path))

    assert len(rows("sample_modes/memories.jsonl")) + len(rows("sample_modes/new.jsonl")) == 178
    instructions, pairs = rows("sample_freethought/instructions.jsonl"), rows("sample_freethought/pairs.jsonl")
    assert (len(instructions), len(pairs)) == (122, 60)
    assert not {row["instruction"] for row in instructions} & {pair["prompt"] for pair in pairs}
    assert (MANUSCRIPTS_DIR / "sample_peterson/the-near-door.pdf").stat().st_size < 300_000


def test_a_source_that_is_not_there_is_stood_in_for_by_its_own_sample() -> None:
    paths = recipes.source_paths(recipes.compose("freethought_dpo").recipe)
    assert paths["pairs"] == MANUSCRIPTS_DIR / "sample_freethought" / "pairs.jsonl"


def test_a_users_own_source_keeps_the_recipes_voice_and_system_prompts(tmp_path: Path) -> None:
    mine = recipes.compose("brie", [f"source={tmp_path}"]).recipe.data.sources["source"]
    assert mine.shape == "chat" and isinstance(mine.system, list) and len(mine.system) == 10


# --- tags and preferences ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "mode", "held"),
    [
        ("<world>It rained.</world>", "dual", True),
        ("\n<action>Closed it.</action> and more", "agent", True),
        ("<world>It rained.", "dual", False),
        ("It rained.</world>", "dual", False),
        ("<world></world>", "dual", False),
        ("<assistant>Yes.</assistant>", "dual", False),
        ("<world>I said <user>no</user>.</world>", "dual", False),
    ],
)
def test_tags_hold_only_where_the_modes_own_open_and_close(answer: str, mode: str, held: bool) -> None:
    assert mode_tags.tags_hold(answer, mode) is held


def test_the_reference_is_taken_off_the_reward() -> None:
    before = preference_margins.margins({"a": 10.0, "b": 30.0}, {"a": 20.0, "b": 20.0})
    after = preference_margins.margins({"a": 9.0, "b": 25.0}, {"a": 20.0, "b": 20.0})
    report = preference_margins.summary("finetuned", after, before)
    assert report.accuracy.value == 0.5  # b's worse reply is still the likelier
    assert report.reward_accuracy is not None and report.reward_accuracy.value == 1.0  # but both moved the right way
    assert report.reward_margin_nats == pytest.approx(3 * 0.693147, rel=1e-4)
