from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.reporting import reports
from voicewright.core.documents.base import parse
from voicewright.core.documents.intervals import Figure
from voicewright.core.documents.voice_report import (
    AbilityFigure,
    ArmCopying,
    CopyResult,
    CopyVerdict,
    Measure,
    Reference,
    VoiceReport,
)
from voicewright.core.paths import Run
from voicewright.core.records import write_json, write_rows
from voicewright.decision import decision, targets
from voicewright.decision.advice import advise
from voicewright.recipe.recipes import compose
from voicewright.recipe.schema import Recipe
from voicewright.stats.intervals import clustered_rate


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return compose("demo").recipe


def voice_of(low: float, high: float, transfer: Figure | None = None) -> VoiceReport:
    """A report whose measures with targets all have this interval, that copies nothing and retains abilities."""
    report = parse(VoiceReport, reports.voice(), "voice")
    figure = Figure(value=(low + high) / 2, low=low, high=high)
    measure = Measure(title="T", definition="d", unit="u", arms={"finetuned": figure}, reference=Reference())
    report.measures |= dict.fromkeys(targets.VOICE, measure)
    if transfer:
        report.measures["transfer"] = measure.model_copy(update={"arms": {"finetuned": transfer}})
    report.copying.arms["finetuned"] = copied("ok", 6)
    report.forgetting.arms["finetuned"]["all"] = retained(95.0, 90.0, 101.0)
    return report


def copied(verdict: CopyVerdict, longest: int, flagged: float = 0.0) -> ArmCopying:
    def result(longest: int, flagged: float, verdict: CopyVerdict) -> CopyResult:
        return CopyResult(
            longest_words=longest,
            coverage_percent=1.0,
            spans_over_10=0,
            spans_over_20=0,
            generations_flagged_percent=flagged,
            generations=40,
            verdict=verdict,
        )

    return ArmCopying(training=result(longest, flagged, verdict), heldout=result(4, 0.0, "ok"))


def retained(value: float, low: float, high: float) -> AbilityFigure:
    return AbilityFigure(value=value, low=low, high=high, outcome="not worse", prompts=40)


def verdict_of(
    wins: list[float], *, independent: bool = True, coverage: float = 1.0, worst_low: float = 0.0
) -> dict[str, Any]:
    rate = clustered_rate(wins)
    deciding = {
        **rate.to_json(),
        "independent": independent,
        "coverage": coverage,
        "worst_case_low": worst_low,
        "best_case_high": 1.0,
    }
    section = {"deciding": deciding, "by_prompt": {str(n): score for n, score in enumerate(wins)}}
    return {
        "level": 0.95,
        "comparisons": [
            {"a": "finetuned", "b": arm, "questions": {"voice": section}} for arm in ("baseline", "prompted")
        ],
    }


def decided(recipe: Recipe, voice: VoiceReport | None, verdict: dict[str, Any] | None) -> dict[str, Any]:
    return decision.decision(recipe, recipe.targets.model_dump(), voice, verdict, [])


MOSTLY_WON = [1.0] * 36 + [0.0] * 4


def test_everything_above_its_target_is_deployed(recipe: Recipe) -> None:
    found = decided(recipe, voice_of(85, 95), verdict_of(MOSTLY_WON))
    assert found["decision"] == "deploy" and found["advice"] == []
    assert {h["outcome"] for h in found["targets"].values()} == {"pass"}


def test_the_built_in_judge_alone_never_deploys(recipe: Recipe) -> None:
    found = decided(recipe, voice_of(85, 95), verdict_of(MOSTLY_WON, independent=False))
    assert found["decision"] == "not enough evidence"
    assert "only the built-in judge" in found["targets"]["blind"]["why"]


def test_nothing_measured_is_never_a_pass(recipe: Recipe) -> None:
    found = decided(recipe, None, None)
    assert found["decision"] == "not enough evidence"
    assert {h["outcome"] for h in found["targets"].values()} == {"not available"}


def test_one_target_missed_is_enough_for_a_no(recipe: Recipe) -> None:
    found = decided(recipe, voice_of(20, 40), verdict_of(MOSTLY_WON))
    assert found["decision"] == "do not deploy"
    assert found["sentence"].startswith("Do not deploy: t, t and 3 more miss")


def test_a_straddling_rate_says_how_many_prompts_would_settle_it(recipe: Recipe) -> None:
    found = decided(recipe, voice_of(85, 95), verdict_of([1.0] * 14 + [0.0] * 6))
    blind = found["targets"]["blind"]
    assert blind["outcome"] == "inconclusive"
    assert "more prompts, voted on as these were, would settle it with probability 80%" in blind["needs"]
    assert blind["needs"] in found["sentence"] or found["targets"]["prompted"]["outcome"] != "pass"


def test_missing_votes_count_against_the_model(recipe: Recipe) -> None:
    found = decided(recipe, voice_of(85, 95), verdict_of(MOSTLY_WON, coverage=0.7, worst_low=0.4))
    assert found["targets"]["blind"]["outcome"] == "inconclusive"
    assert "30% of the votes are missing" in found["targets"]["blind"]["why"]


def test_copying_is_a_failure_with_advice_and_a_flag_is_not(recipe: Recipe) -> None:
    voice = voice_of(85, 95)
    voice.copying.arms["finetuned"] = copied("flag", 12, 0.5)
    assert decided(recipe, voice, verdict_of(MOSTLY_WON))["decision"] == "deploy"
    voice.copying.arms["finetuned"] = copied("fail", 31, 4.0)
    found = decided(recipe, voice, verdict_of(MOSTLY_WON))
    assert found["decision"] == "do not deploy"
    assert found["targets"]["copying"]["value"] == 31
    assert f"axolotl.num_epochs={recipe.axolotl['num_epochs'] // 2}" in found["advice"][0]["command"]


def test_what_was_forgotten_is_held_to_the_margin(recipe: Recipe) -> None:
    voice = voice_of(85, 95)
    voice.forgetting.arms["finetuned"]["all"] = retained(60.0, 55.0, 66.0)
    found = decided(recipe, voice, verdict_of(MOSTLY_WON))
    assert found["decision"] == "do not deploy" and found["targets"]["forgetting"]["target"] == 80
    assert "learning_rate" in found["advice"][0]["command"]
    voice.forgetting.arms = {}
    found = decided(recipe, voice, verdict_of(MOSTLY_WON))
    assert found["targets"]["forgetting"]["outcome"] == "not available" and found["decision"] != "deploy"


def test_a_figure_that_is_not_identifiable_keeps_its_reason(recipe: Recipe) -> None:
    blurred = Figure(value=None, low=None, high=None, status="not identifiable", why="base and held-out overlap")
    found = decided(recipe, voice_of(85, 95, transfer=blurred), verdict_of(MOSTLY_WON))
    assert found["targets"]["transfer"]["why"] == "base and held-out overlap"
    assert found["decision"] == "not enough evidence"


def test_low_transfer_is_answered_with_settings_that_compose(recipe: Recipe) -> None:
    held = {"transfer": targets.Held("Voice transfer", 60, 20, 10, 30, "fail")}
    command = advise(recipe, held, [])[0]["command"]
    settings = command.partition('SET="')[2].rstrip('"').split()
    assert compose("demo", settings).recipe.axolotl["lora_r"] >= 32


def test_a_flat_loss_and_one_that_turned_are_seen(recipe: Recipe) -> None:
    flat = [{"step": n, "loss": 2.0} for n in range(12)]
    assert "learning_rate" in advise(recipe, {}, flat)[0]["command"]
    turned = [{"step": n, "loss": 3 - n / 10} for n in range(12)] + [
        {"step": n, "eval_loss": v} for n, v in ((4, 2.0), (8, 1.8), (12, 2.1))
    ]
    assert "rose again" in advise(recipe, {}, turned)[0]["seen"]
    assert advise(recipe, {}, []) == []


def test_targets_changed_after_the_pairs_were_made_do_not_hold(
    home: Path, recipe: Recipe, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run("demo")
    write_json(run.blind_dir / "targets.json", {**recipe.targets.model_dump(), "blind": 75})
    assert decision.committed_targets(run, recipe)["blind"] == 75
    assert "targets changed since the pairs were made (blind)" in capsys.readouterr().err


def test_looks_are_counted_by_the_votes_that_were_seen(home: Path) -> None:
    run = Run("demo")
    ours, readers = {"pair": "p", "kind": "built-in"}, [{"pair": f"p{n}", "kind": "reader"} for n in range(2)]
    assert decision.count_look(run, 1) == {"planned": 1, "taken": 0}
    write_rows(run.votes_path, [ours])
    assert decision.count_look(run, 1)["taken"] == 0
    write_rows(run.votes_path, [ours, readers[0]])
    assert decision.count_look(run, 1)["taken"] == decision.count_look(run, 1)["taken"] == 1
    write_rows(run.votes_path, [ours, *readers])
    assert decision.count_look(run, 1)["taken"] == 2
