from __future__ import annotations

from pathlib import Path

import pytest

from tests.reporting import reports
from voicewright.core.documents.decision import Advice, Decision, Looks
from voicewright.core.documents.intervals import Figure
from voicewright.core.documents.judging import Comparison, DecidingRate, QuestionResult, Verdict
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
from voicewright.decision.advice import Losses, advise
from voicewright.recipe.recipes import compose
from voicewright.recipe.schema import Recipe
from voicewright.stats.intervals import clustered_rate


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return compose("demo").recipe


def voice_of(low: float, high: float, transfer: Figure | None = None) -> VoiceReport:
    """A report whose measures with targets all have this interval, that copies nothing and retains abilities."""
    report = reports.voice_report()
    figure = Figure(value=(low + high) / 2, low=low, high=high)
    measure = Measure(title="T", definition="d", unit="u", arms={"finetuned": figure}, reference=Reference())
    report.measures |= dict.fromkeys(targets.VOICE_TITLES, measure)
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
) -> Verdict:
    """A verdict with these mean scores by prompt, over both arms."""
    rate = clustered_rate(wins)
    deciding = DecidingRate(
        **rate.to_json(), independent=independent, coverage=coverage, worst_case_low=worst_low, best_case_high=1.0
    )
    result = QuestionResult(
        deciding=deciding,
        readers=rate,
        judges=rate,
        built_in=rate,
        together=rate,
        by_rater={},
        by_domain={},
        majority=rate,
        ties=None,
        length=None,
        by_prompt={str(n): score for n, score in enumerate(wins)},
    )
    comparisons = [
        Comparison(a="finetuned", b=arm, pairs=len(wins), questions={"voice": result})
        for arm in ("baseline", "prompted")
    ]
    return Verdict(
        win_rate={},
        arms=["finetuned", "baseline"],
        level=0.95,
        looks=1,
        comparisons=comparisons,
        raters={},
        agreement={},
        strengths=None,
    )


def decided(recipe: Recipe, report: VoiceReport | None, verdict: Verdict | None) -> Decision:
    return decision.decide(report, verdict, recipe.targets, recipe.blind.against)


def advised(recipe: Recipe, report: VoiceReport, verdict: Verdict) -> list[Advice]:
    return advise(recipe, decided(recipe, report, verdict).targets, Losses())


MOSTLY_WON = [1.0] * 36 + [0.0] * 4


def test_everything_above_its_target_is_deployed(recipe: Recipe) -> None:
    result = decided(recipe, voice_of(85, 95), verdict_of(MOSTLY_WON))
    assert (result.decision, result.sentence) == ("deploy", "Deploy: all 9 targets are met.")
    assert {target.outcome for target in result.targets.values()} == {"pass"}


def test_the_built_in_judge_alone_never_deploys(recipe: Recipe) -> None:
    result = decided(recipe, voice_of(85, 95), verdict_of(MOSTLY_WON, independent=False))
    assert result.decision == "not enough evidence"
    assert "the only votes are from the built-in judge" in str(result.targets["blind"].why)


def test_nothing_measured_is_never_a_pass(recipe: Recipe) -> None:
    result = decided(recipe, None, None)
    assert result.decision == "not enough evidence"
    assert {target.outcome for target in result.targets.values()} == {"not available"}


def test_one_target_missed_is_enough_for_a_no(recipe: Recipe) -> None:
    result = decided(recipe, voice_of(20, 40), verdict_of(MOSTLY_WON))
    assert result.decision == "do not deploy"
    assert result.sentence.startswith("Do not deploy: t, t and 3 more miss")


def test_an_inconclusive_rate_says_how_many_prompts_are_needed(recipe: Recipe) -> None:
    result = decided(recipe, voice_of(85, 95), verdict_of([1.0] * 14 + [0.0] * 6))
    blind = result.targets["blind"]
    assert blind.outcome == "inconclusive"
    assert "more prompts: the probability of a pass is then 80% (with the 20 so far it was" in str(blind.needs)
    assert str(blind.needs) in result.sentence or result.targets["prompted"].outcome != "pass"


def test_missing_votes_count_against_the_model(recipe: Recipe) -> None:
    result = decided(recipe, voice_of(85, 95), verdict_of(MOSTLY_WON, coverage=0.7, worst_low=0.4))
    assert result.targets["blind"].outcome == "inconclusive"
    assert "30% of the votes are missing" in str(result.targets["blind"].why)


def test_copying_is_a_failure_with_advice_and_a_flag_is_not(recipe: Recipe) -> None:
    report = voice_of(85, 95)
    report.copying.arms["finetuned"] = copied("flag", 12, 0.5)
    assert decided(recipe, report, verdict_of(MOSTLY_WON)).decision == "deploy"
    report.copying.arms["finetuned"] = copied("fail", 31, 4.0)
    result = decided(recipe, report, verdict_of(MOSTLY_WON))
    assert result.decision == "do not deploy"
    assert result.targets["copying"].value == 31
    command = advised(recipe, report, verdict_of(MOSTLY_WON))[0].command
    assert f"axolotl.num_epochs={recipe.axolotl['num_epochs'] // 2}" in str(command)


def test_forgetting_is_compared_with_the_margin(recipe: Recipe) -> None:
    report = voice_of(85, 95)
    report.forgetting.arms["finetuned"]["all"] = retained(60.0, 55.0, 66.0)
    result = decided(recipe, report, verdict_of(MOSTLY_WON))
    assert result.decision == "do not deploy" and result.targets["forgetting"].target == 80
    assert "learning_rate" in str(advised(recipe, report, verdict_of(MOSTLY_WON))[0].command)
    report.forgetting.arms = {}
    result = decided(recipe, report, verdict_of(MOSTLY_WON))
    assert result.targets["forgetting"].outcome == "not available" and result.decision != "deploy"


def test_a_figure_that_is_not_identifiable_keeps_its_reason(recipe: Recipe) -> None:
    blurred = Figure(value=None, low=None, high=None, status="not identifiable", why="base and held-out overlap")
    result = decided(recipe, voice_of(85, 95, transfer=blurred), verdict_of(MOSTLY_WON))
    assert result.targets["transfer"].why == "base and held-out overlap"
    assert result.decision == "not enough evidence"


def test_pass_needs_the_whole_interval_above_the_target() -> None:
    assert targets.interval_outcome(60.1, 70, 60) == "pass"
    assert targets.interval_outcome(60.0, 70, 60) == "inconclusive"
    assert targets.interval_outcome(50, 60.0, 60) == "fail"
    assert targets.interval_outcome(None, None, 60) == "not available"


def test_low_transfer_is_answered_with_settings_that_compose(recipe: Recipe) -> None:
    report = voice_of(85, 95, transfer=Figure(value=20, low=10, high=30))
    command = str(advised(recipe, report, verdict_of(MOSTLY_WON))[0].command)
    settings = command.partition('SET="')[2].rstrip('"').split()
    assert compose("demo", settings).recipe.axolotl["lora_r"] >= 32


def test_more_votes_are_asked_for_on_the_same_run(recipe: Recipe) -> None:
    advice = advised(recipe, voice_of(85, 95), verdict_of(MOSTLY_WON, independent=False))
    assert [each.command for each in advice] == [f"make blind RUN={recipe.run}"]


def test_a_flat_loss_and_one_that_rises_are_noticed(recipe: Recipe) -> None:
    assert "learning_rate" in str(advise(recipe, {}, Losses(train=[2.0] * 12))[0].command)
    rising = Losses(train=[3 - n / 10 for n in range(12)], evaluation=[2.0, 1.8, 2.1])
    assert "rose again" in advise(recipe, {}, rising)[0].observation
    assert advise(recipe, {}, Losses()) == []


def test_targets_changed_after_the_pairs_were_made_do_not_apply(
    home: Path, recipe: Recipe, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run("demo")
    write_json(run.targets_path, {**recipe.targets.model_dump(), "blind": 75})
    assert decision.committed_targets(run, recipe).blind == 75
    assert "targets changed since the pairs were made (blind)" in capsys.readouterr().err


def test_looks_are_counted_by_the_votes(home: Path) -> None:
    run = Run("demo")
    ours, readers = {"pair": "p", "kind": "built-in"}, [{"pair": f"p{n}", "kind": "reader"} for n in range(2)]
    assert decision.count_look(run, 1) == Looks(planned=1, taken=0)
    write_rows(run.votes_path, [ours])
    assert decision.count_look(run, 1).taken == 0
    write_rows(run.votes_path, [ours, readers[0]])
    assert decision.count_look(run, 1).taken == decision.count_look(run, 1).taken == 1
    write_rows(run.votes_path, [ours, *readers])
    assert decision.count_look(run, 1).taken == 2
