"""The outcome of each target: a figure with its interval against the value that the recipe asks for."""

from __future__ import annotations

from voicewright.core import labels
from voicewright.core.documents.decision import Outcome, TargetOutcome
from voicewright.core.documents.judging import TESTED_ARM, QuestionResult, Verdict
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.stats.power import POWER, power_of, prompts_needed

# Below this share of scored votes, every missing vote is counted against the model.
MIN_COVERAGE = 0.95
# The measures of the voice report that have a target, and their titles where there is no report.
VOICE_TITLES = {
    "transfer": "Voice transfer",
    "vocabulary": "Vocabulary",
    "structure": "Sentence structure",
    "markers": "Style markers",
    "pov": "Point of view",
}
UNLIKELY = "more votes like these are unlikely to reach the target"


def interval_outcome(low: float | None, high: float | None, target: float) -> Outcome:
    """pass: the whole interval lies above the target; fail: none of it does; inconclusive: the target lies in it."""
    if low is None or high is None:
        return "not available"
    if low > target:
        return "pass"
    return "fail" if high <= target else "inconclusive"


def unavailable(title: str, target: float | None, why: str) -> TargetOutcome:
    """The outcome of a target without a figure."""
    return TargetOutcome(
        title=title,
        target=target,
        value=None,
        low=None,
        high=None,
        outcome="not available",
        why=why,
        needs=None,
        below=False,
    )


def voice_outcome(name: str, target: float, report: VoiceReport | None) -> TargetOutcome:
    """The outcome of a measure of the voice report."""
    measure = report.measures.get(name) if report else None
    title = measure.title if measure else VOICE_TITLES.get(name, name)
    figure = measure.arms.get(TESTED_ARM) if measure else None
    if figure is None:
        return unavailable(title, target, "the voice report does not have it")
    if not figure.is_known:
        return unavailable(title, target, figure.why or figure.status)
    if figure.low is None:
        return unavailable(title, target, "it has no interval")
    outcome = interval_outcome(figure.low, figure.high, target)
    return TargetOutcome(
        title=title,
        target=target,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        outcome=outcome,
        why=None,
        needs="more held-out text and more generations narrow this interval" if outcome == "inconclusive" else None,
        below=False,
    )


def blind_outcome(arm: str, target: float, verdict: Verdict | None) -> TargetOutcome:
    """The outcome of the blind win rate on voice over one arm, in percent.

    The built-in judge's votes alone never pass: it uses the same features as the voice report.
    """
    title = f"Blind win rate over the {labels.arm(arm).removeprefix('the ')}"
    result = _voice_result(verdict, arm)
    rate = result.deciding if result else None
    if verdict is None or result is None or rate is None or rate.value is None or rate.coverage is None:
        return unavailable(title, target, "there are no votes that count")
    low, high, why, needs = rate.low, rate.high, None, None
    if rate.coverage < MIN_COVERAGE:
        low, high = rate.worst_case_low, rate.best_case_high
        why = f"{1 - rate.coverage:.0%} of the votes are missing, and each is counted against the model"
    low, high = 100 * (low or 0.0), 100 * (high or 0.0)
    outcome = interval_outcome(low, high, target)
    if not rate.independent and outcome != "fail":
        outcome = "inconclusive"
        why = (
            "the only votes are from the built-in judge, which uses the same features as the voice report, so they "
            "do not count as independent evidence"
        )
        needs = "votes of readers, or of a judge at an endpoint (configs/judges)"
    elif outcome == "inconclusive":
        needs = _votes_needed(list(result.by_prompt.values()), target / 100, verdict.level)
    return TargetOutcome(
        title=title,
        target=target,
        value=100 * rate.value,
        low=low,
        high=high,
        outcome=outcome,
        why=why,
        needs=needs,
        below=False,
    )


def copying_outcome(report: VoiceReport | None) -> TargetOutcome:
    """The longest span copied from the author, in words; the voice report's verdict on it decides."""
    title = "Longest span of copied words"
    copying = report.copying.arms.get(TESTED_ARM) if report else None
    if report is None or copying is None:
        return unavailable(title, None, "the voice report does not have it")
    # A span of held-out text means that a row was trained on which should not have been: it counts as well.
    results = (copying.training, copying.heldout)
    worst = max(results, key=lambda result: ("ok", "flag", "fail").index(result.verdict))
    longest = float(max(result.longest_words for result in results))
    share = worst.generations_flagged_percent
    return TargetOutcome(
        title=title,
        target=report.measures["copying"].reference.failed_over,
        value=longest,
        low=longest,
        high=longest,
        outcome="fail" if worst.verdict == "fail" else "pass",
        why=None if worst.verdict == "ok" else f"{share:.0f}% of the answers hold a copied span of over 10 words",
        needs=None,
        below=True,
    )


def forgetting_outcome(report: VoiceReport | None) -> TargetOutcome:
    """Agreement with the base model's answers outside the author's field, in percent of the base's with itself."""
    title = "Base model's abilities retained"
    figure = report.forgetting.arms.get(TESTED_ARM, {}).get("all") if report else None
    if report is None or figure is None:
        return unavailable(title, None, "there are no prompts outside the author's field")
    target = 100.0 - report.forgetting.margin_percent
    if figure.value is None or figure.low is None:
        return unavailable(title, target, figure.why or figure.outcome)
    outcome = interval_outcome(figure.low, figure.high, target)
    return TargetOutcome(
        title=title,
        target=target,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        outcome=outcome,
        why=None,
        needs="more prompts outside the author's field, or more samples of each" if outcome == "inconclusive" else None,
        below=False,
    )


def _voice_result(verdict: Verdict | None, against: str) -> QuestionResult | None:
    for comparison in verdict.comparisons if verdict else ():
        if (comparison.a, comparison.b) == (TESTED_ARM, against):
            return comparison.questions.get("voice")
    return None


def _votes_needed(prompt_means: list[float], target: float, level: float) -> str:
    """What would decide a win rate whose interval holds the target, in words."""
    n_prompts = len(prompt_means)
    power = power_of(prompt_means, n_prompts, target, level)
    so_far = "" if power is None else f" (with the {n_prompts} so far it was {power:.0%})"
    needed = prompts_needed(prompt_means, target, level)
    if needed is None:
        chance = "" if power is None else f"; the probability of a pass with {n_prompts} prompts was {power:.0%}"
        return f"{UNLIKELY}: the rate so far is not clearly above it{chance}"
    more = max(needed - n_prompts, 1)
    return f"votes on about {more} more prompts: the probability of a pass is then {POWER:.0%}{so_far}"
