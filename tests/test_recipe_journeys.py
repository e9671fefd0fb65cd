"""Each recipe from its material to its decision, in miniature with the real engines; of each a figure that can fail."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_whole_path import free_ports, make
from voicewright.core import training_events
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import read_json, read_rows
from voicewright.recipe import recipes
from voicewright.training import checkpoints

pytestmark = [pytest.mark.engine, pytest.mark.recipes]

# Fewer and shorter answers than the recipes ask for, and a longer court: the command of the pages.
MINIATURE = (
    "model=tiny hardware=cpu eval.openings=8 eval.samples=2 eval.max_words=100 blind.judge_qualification.cases=48"
)
JOURNEYS = ("visions", "brie", "modes", "modes_daily", "freethought", "freethought_dpo", "peterson_v1", "peterson")
Finished = Callable[[str], Run]
# Recipes that build on one another, or are compared, are run by one worker.
CHAINS = {"modes_daily": "modes", "freethought_dpo": "freethought", "peterson_v1": "peterson", "brie_first": "brie"}


def chain(name: str) -> pytest.MarkDecorator:
    return pytest.mark.xdist_group(f"recipe {CHAINS.get(name, name)}")


def each(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", [pytest.param(name, marks=chain(name)) for name in names])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("recipes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEWRIGHT_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def finished(place: Path) -> Finished:
    """A recipe's finished run in miniature, each made once, all in one folder on ports of their own."""
    done: dict[str, Run] = {}

    def run_of(name: str) -> Run:
        if name not in done:
            # The name under which modes_daily and freethought_dpo look for the run that they come after.
            done[name] = made(
                "all", place, name, recipes.run_name(name, recipes.inherited_overrides(MINIATURE.split()))
            )
        return done[name]

    return run_of


def made(target: str, place: Path, name: str, run: str) -> Run:
    baseline, finetuned = free_ports(2)
    ports = f"serve.baseline_port={baseline} serve.finetuned_port={finetuned}"
    result = make(target, place, RECIPE=name, RUN=run, SET=f"{MINIATURE} {ports}")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return Run(run)


def script(*words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=REPO_DIR, check=True, capture_output=True, text=True
    ).stdout


def figure(run: Run, measure: str, arm: str) -> Any:
    return read_json(run.voice_path)["measures"][measure]["arms"][arm]


def eval_losses(run: Run) -> list[float]:
    return [loss for _, loss in training_events.curve(checkpoints.events_since_begin(run.adapter_dir), "eval_loss")]


@each(*JOURNEYS)
def test_a_recipe_ends_in_a_decision_and_its_loss_fell(name: str, finished: Finished) -> None:
    run = finished(name)
    # The built-in judge shares the composite's features: alone it never says deploy.
    assert read_json(run.decision_path)["decision"] in ("do not deploy", "not enough evidence")
    assert run.report_path.stat().st_size > 10_000
    losses = eval_losses(run)
    assert min(losses[1:]) < losses[0], losses


@each("visions", "brie", "modes", "freethought", "peterson_v1", "peterson")
def test_held_out_text_became_likelier(name: str, finished: Finished) -> None:
    run = finished(name)
    before, after = (figure(run, "bits_per_character", arm)["value"] for arm in ("baseline", "finetuned"))
    assert after < before - 0.01, (before, after)


@each("visions", "brie", "freethought", "peterson_v1", "peterson")
def test_the_built_in_judge_may_vote_and_finds_the_tuned_model_nearer(name: str, finished: Finished) -> None:
    run = finished(name)
    court = read_json(run.qualification_path)["judges"]["stylometric"]
    assert court["qualified"], court["why"]
    found = read_json(run.verdict_path)["win_rate"]["voice"]
    assert found["value"] > 0.5, found


@each("visions", "brie", "modes", "freethought", "peterson")
def test_the_tuned_model_writes_nearer_to_the_author(name: str, finished: Finished) -> None:
    transfer = figure(finished(name), "transfer", "finetuned")
    assert transfer["status"] == "ok" and transfer["low"] > 0, transfer


@chain("visions")
def test_visions_speaks_in_the_second_person_and_saved_every_half_epoch(finished: Finished) -> None:
    run = finished("visions")
    tuned, base = (figure(run, "you_per_1000", arm)["value"] for arm in ("finetuned", "baseline"))
    assert tuned > 1.5 * base, (tuned, base)
    assert len(checkpoints.whole(run.adapter_dir)) == 6


@chain("brie")
def test_brie_is_compared_in_its_field_and_outside_it(finished: Finished) -> None:
    domains = Counter(row["domain"] for row in read_rows(finished("brie").generations_path("finetuned")))
    assert domains["thinker"] == 2 * 13 and domains["code"] == 2 * 3 and domains["heldout"] > 0


@chain("brie")
def test_a_first_run_of_brie_is_ten_steps_and_learns_something(place: Path) -> None:
    run = made("train", place, "brie_first", "brie_first")
    ended = checkpoints.end_event(run.adapter_dir)
    assert ended and ended.step == 10
    losses = eval_losses(run)
    assert losses[-1] < losses[0], losses


@chain("modes")
def test_modes_are_answered_in_their_own_tags_only_after_training(finished: Finished) -> None:
    held = {
        arm: read_json(finished("modes").tags_path(arm))["held"]["all"]["value"] for arm in ("baseline", "finetuned")
    }
    assert held["baseline"] < 0.1 and held["finetuned"] > 0.7, held


@chain("modes")
def test_the_daily_run_starts_from_the_model_that_modes_merged(finished: Finished) -> None:
    parent, daily = finished("modes"), finished("modes_daily")
    rendered = yaml.safe_load(daily.axolotl_path.read_text(encoding="utf-8"))
    assert rendered["base_model"] == str(parent.merged_dir)
    assert rendered["adapter"] == "lora"


@chain("freethought")
def test_freethought_stopped_no_earlier_than_it_had_seen_every_row(finished: Finished) -> None:
    run = finished("freethought")
    looks = [event for event in checkpoints.events_since_begin(run.adapter_dir) if event.event in ("decision", "stop")]
    assert looks, "every look at the curve is written down"
    steps_an_epoch = read_json(run.stats_path)["checks"]["training"]["steps_an_epoch"]
    assert all(event.step >= steps_an_epoch for event in looks if event.event == "stop")


@chain("freethought")
def test_freethoughts_guide_holds_answers_that_were_measured(finished: Finished) -> None:
    run = finished("freethought")
    script("benchmarks.guide", run.name)
    answers = [row["text"].split()[:8] for row in read_rows(run.generations_path("finetuned")) if row["text"].strip()]
    guide = (run.dir / "testers.md").read_text(encoding="utf-8")
    assert sum(" ".join(words) in guide for words in answers) >= 6


@chain("freethought")
def test_dpo_moved_held_out_pairs_towards_the_better_reply(finished: Finished) -> None:
    run = finished("freethought_dpo")
    before, after = (read_json(run.preferred_path(arm)) for arm in ("baseline", "finetuned"))
    assert after["accuracy"]["value"] > before["accuracy"]["value"], (before, after)
    assert after["reward_accuracy"]["value"] > 0.5 and after["reward_margin_nats"] > 0, after


@chain("peterson")
def test_copying_is_measured_for_both_ideas_of_peterson(finished: Finished) -> None:
    runs = [finished(name) for name in ("peterson_v1", "peterson")]
    spans = {run.name: figure(run, "copying", "finetuned") for run in runs}
    assert all(found["status"] == "ok" and found["value"] >= 0 for found in spans.values()), spans
    page = script("benchmarks.compare", ",".join(run.name for run in runs)).split()[-1]
    assert "No prompt was put to all of them" not in Path(page).read_text(encoding="utf-8")
