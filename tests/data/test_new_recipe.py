"""A recipe for one's own material: what is seen, what is chosen, and that it is refused rather than guessed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.data.conftest import book, pdf
from voicewright.cli.main import cli
from voicewright.core import environments
from voicewright.core.errors import UserError
from voicewright.core.gpus import Card
from voicewright.core.paths import REPO_DIR, Run
from voicewright.data import material, preparation
from voicewright.pipeline import new_recipe, plan
from voicewright.pipeline.new_recipe import APPROACHES, MODELS, ModelChoice
from voicewright.recipe import recipes
from voicewright.training import memory

SAMPLES = {
    "manuscripts/sample": ("prose", "completion"),
    "manuscripts/sample_peterson": ("pdf", "qa"),
    "manuscripts/sample_brie": ("chats", "chat"),
    "manuscripts/sample_freethought/instructions.jsonl": ("instructions", "instruction"),
    "manuscripts/sample_freethought/pairs.jsonl": ("pairs", "preference"),
    "manuscripts/sample_modes": ("memories", "modes"),
}
Make = Callable[..., Path]


@pytest.fixture
def make(home: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """`make new`, its recipe in a folder of the test's own."""
    recipes_dir = home / "recipes"
    recipes_dir.mkdir()
    monkeypatch.setattr("voicewright.core.paths.RECIPES_DIR", recipes_dir)

    def run(source: str | Path, name: str = "mine", *words: str) -> Path:
        with pytest.raises(SystemExit) as ended:
            cli.main(["new", name, f"source={source}", *words])
        assert ended.value.code in (0, 2)
        return recipes_dir / f"{name}.yaml"

    return run


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "accelerator", lambda: "cpu")


def card(gb: float) -> Card:
    return Card("A card", int(gb * 2**30), int(gb * 2**30))


@pytest.mark.parametrize("source", SAMPLES)
def test_each_kind_of_material_becomes_a_recipe_that_composes_and_plans(
    source: str, make: Make, no_card: None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make(source)
    kind, shape = SAMPLES[source]
    composed = recipes.compose("mine").recipe
    assert [each.shape for each in composed.data.sources.values()] == [shape]
    said = capsys.readouterr().out
    assert f"written    recipes/{path.name}" in said and "make plan RECIPE=mine" in said
    assert APPROACHES[material.survey(REPO_DIR / source)[0][0].kind] is APPROACHES[kind]  # type: ignore[index]
    assert plan.table(plan.make_plan(composed, [])).row_count > 5


@pytest.mark.parametrize("source", ["manuscripts/sample", "manuscripts/sample_brie"])
def test_the_rows_of_a_new_recipe_are_made(source: str, make: Make, no_card: None) -> None:
    make(source)
    recipes.freeze(recipes.compose("mine"))
    splits = preparation.prepare_run(Run("mine")).splits
    assert splits["train"].rows > 40 and splits["heldout"].rows > 3


def test_nothing_is_ever_overwritten(make: Make, no_card: None, capsys: pytest.CaptureFixture[str]) -> None:
    path = make("manuscripts/sample")
    path.write_text("mine\n")
    make("manuscripts/sample")
    assert path.read_text() == "mine\n"
    assert "recipes/mine.yaml exists" in capsys.readouterr().err
    Run("begun").recipe_path.parent.mkdir(parents=True)
    Run("begun").recipe_path.write_text("recipe: another\n")
    assert not make("manuscripts/sample", "begun").exists()
    assert "runs/begun exists" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "a b", "Mine", "../mine", "base", "model", "2nd", "mine.yaml", "-x", "no"])
def test_a_name_is_a_plain_word(name: str) -> None:
    with pytest.raises(UserError, match="expected a plain word"):
        new_recipe.check_name(name)


def test_a_folder_that_is_empty_missing_or_locked_is_named(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for given in (tmp_path / "empty", tmp_path / "nowhere"):
        assert not make(given).exists()
        assert f"error: SOURCE: nothing to read at {given}" in capsys.readouterr().err
    make("")
    assert "SOURCE is missing" in capsys.readouterr().err
    (tmp_path / "a.md").write_text(book(40))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert not make(tmp_path / "a.md").exists()
    assert "may not be read" in capsys.readouterr().err


def test_too_little_says_how_much_is_wanted(make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.md").write_text(book(2))
    assert not make(tmp_path).exists()
    assert "at least 5,000 words are needed, 50,000 are good" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_told_with_all_others(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.md").write_text(book(40))
    (tmp_path / "b.png").write_bytes(b"\x89PNG....")
    (tmp_path / "c.json").write_text('[{"colour": "red"}]')
    assert not make(tmp_path).exists()
    said = capsys.readouterr().err
    assert "is a picture" in said and "no kind that is known (keys: colour)" in said


def test_of_mixed_kinds_the_larger_is_taken_and_the_way_to_the_other_told(
    make: Make, tmp_path: Path, no_card: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my notes"
    (folder / "chats").mkdir(parents=True)
    (folder / "a.md").write_text(book(60))
    row = {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]}
    (folder / "chats" / "b.jsonl").write_text("".join(f"{json.dumps(row)}\n" for _ in range(50)))
    path = make(folder)
    said = capsys.readouterr().out
    assert "left out   chats in 1 file(s): 50 conversations" in said
    assert f"make new RECIPE=mine-chats SOURCE='{folder}/**/*.jsonl'" in said
    composed = recipes.compose("mine").recipe
    assert recipes.source_paths(composed)["mine"].name == "*.md"
    assert [f.path.name for f in material.survey(recipes.source_paths(composed)["mine"])[0][0].files] == ["a.md"]
    assert make(f"{folder}/**/*.jsonl", "mine-chats") != path
    assert recipes.compose("mine-chats").recipe.data.sources["mine-chats"].shape == "chat"


def test_what_is_left_out_is_taken_by_its_folder_or_is_too_little(
    make: Make, tmp_path: Path, no_card: None, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]}
    told = {"instruction": "Say why, and at length.", "output": "Because " * 40}
    for name, row, count in (("a", chat, 30), ("b", chat, 30), ("c", told, 90)):
        (tmp_path / f"{name}.jsonl").write_text(f"{json.dumps(row)}\n" * count)
    (tmp_path / "LICENSE").write_text("Do what you like.")
    make(tmp_path)
    said = capsys.readouterr().out
    assert "instructions in 1 file(s): 90 instructions" in said
    assert "put these into a folder of their own and make a recipe of it: " in said and "a.jsonl, " in said
    assert "prose in 1 file(s): 1 chapters, 4 words, about 5 tokens\n           too little" in said
    assert [Path(s.path).name for s in recipes.compose("mine").recipe.data.sources.values()] == ["c.jsonl"]


def test_pdfs_beside_manuscripts_are_books_like_them(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(book(4))
    pdf(tmp_path / "b.pdf", [[(0.9, 7.2, "You go down the ladder once again and count each of the rungs.")]])
    (found,), problems = material.survey(tmp_path)
    assert found.kind == "prose" and len(found.files) == 2 and not problems


@pytest.mark.parametrize("name", ["a: b #c", "1984", "*'s", "no"])
def test_a_path_that_yaml_would_misread_is_quoted(
    name: str, make: Make, tmp_path: Path, no_card: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicewright.core.paths.PROJECT_DIR", tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.md").write_text(book(40))
    make(name)
    assert recipes.compose("mine").recipe.data.sources["mine"].path == name


@pytest.mark.parametrize("gb", [6, 8, *(row.min_card_gb for row in MODELS if row.min_card_gb), 139])
def test_what_is_chosen_fits_the_card(gb: float, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "accelerator", lambda: "cuda")
    monkeypatch.setattr(new_recipe, "cards", lambda: [card(0.97 * gb), card(0.5 * gb)])
    for n, source in enumerate(("manuscripts/sample_peterson", "manuscripts/sample_freethought/pairs.jsonl")):
        make(source, f"mine{n}")
        # As long as its rows may be there, whatever this small material wants.
        (seen, *_), _ = material.survey(REPO_DIR / source)
        model = recipes.compose(f"mine{n}").recipe.model.name
        longest = min(
            APPROACHES[seen.kind].max_row_tokens, next(row.max_row_tokens for row in MODELS if row.model == model)
        )
        composed = recipes.compose(f"mine{n}", [f"axolotl.sequence_len={longest}"]).recipe
        assert plan.fits(composed), (composed.model.name, composed.hardware.memory_gb)
        assert composed.hardware.memory_gb <= gb and composed.model.license in ("apache-2.0", "mit")


@pytest.mark.parametrize("row", MODELS)
def test_a_machines_longest_rows_fit_and_its_model_is_served(row: ModelChoice) -> None:
    gb = row.min_card_gb or 6
    hardware = min(name for size, name in plan.single_cards() if size == max(gb, 12))
    composed = recipes.compose(
        "visions",
        [f"model={row.model}", f"method={row.method}", f"hardware={hardware}",
         f"axolotl.sequence_len={row.max_row_tokens}", *([f"hardware.memory_gb={gb}"] if gb < 12 else [])],
    ).recipe  # fmt: skip
    assert plan.fits(composed)
    room = composed.vllm["gpu_memory_utilization"] * composed.hardware.memory_gb
    assert memory.download_gb(composed) < room - 1


def test_the_rows_of_the_published_manuscript_would_be_as_long_as_visions_has_them() -> None:
    told = material.Material("prose", parts=[63_302 // 35] * 35)
    assert new_recipe.row_length(told, 4096) == 4096


def test_every_way_is_a_shipped_recipes() -> None:
    for way in APPROACHES.values():
        shipped = recipes.compose(way.shipped_recipe).recipe
        assert {source.shape for source in shipped.data.sources.values()} == {way.shape}
        chosen = recipes.compose_tree(way.shipped_recipe, [])[1].choices
        assert (chosen["data"], chosen["eval"]) == (way.data, way.eval)
        assert (REPO_DIR / "recipes" / f"{way.shipped_recipe.partition('_')[0]}.md").is_file()


def test_a_recipe_opens_with_what_was_seen_and_its_own_commands(make: Make, no_card: None) -> None:
    text = make("manuscripts/sample").read_text()
    assert text.startswith("# manuscripts/sample: prose in 16 file(s)")
    assert "make all RECIPE=mine" in text and yaml.safe_load(text)["recipe"] == "mine"


def test_the_machine_is_the_one_that_set_names(make: Make, no_card: None, capsys: pytest.CaptureFixture[str]) -> None:
    make("manuscripts/sample", "mine", "set=hardware=gpu_24gb")
    composed = recipes.compose("mine").recipe
    assert (composed.hardware.name, composed.model.name, composed.method) == ("gpu_24gb", "qwen2_5_7b", "qlora")
    assert "hardware=gpu_24gb" in capsys.readouterr().out
    make("manuscripts/sample", "other", "hardware=gpu_24gb", "model=phi_2", "method=lora")
    composed = recipes.compose("other").recipe
    assert (composed.model.name, composed.method) == ("phi_2", "lora")
    for word, expected in (
        ("hardware=gpu_24", "did you mean gpu_24gb?"),
        ("axolotl.lora_r=4", "takes hardware"),
    ):
        assert not make("manuscripts/sample", "third", word).exists()
        assert expected in capsys.readouterr().err


def test_a_dry_run_of_new_writes_no_recipe(make: Make, no_card: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert not make("manuscripts/sample", "mine", "dry_run=1").exists()
    assert "model      tiny by qlora" in capsys.readouterr().out
