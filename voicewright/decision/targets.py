"""A recipe's targets held against the figures: pass, fail, inconclusive or not available each, and what follows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from voicewright.core.documents.voice_report import VoiceReport
from voicewright.stats.power import POWER, power_of, prompts_needed

TESTED = "finetuned"
# Below this share of scored votes the bound counts every missing vote against the model.
ENOUGH_COVERAGE = 0.95
HOPELESS = "more votes like these are unlikely to decide it for the model"
OUTCOMES = ("pass", "fail", "inconclusive", "not available")
VOICE = {
    "transfer": "Voice transfer",
    "vocabulary": "Vocabulary",
    "structure": "Sentence structure",
    "markers": "Style markers",
    "pov": "Point of view",
}


@dataclass(frozen=True)
class Held:
    """One target against its figure. Figures are in the target's unit (0..100)."""

    title: str
    target: float | None
    value: float | None
    low: float | None
    high: float | None
    outcome: str
    why: str | None = None
    needs: str | None = None
    """What would settle it, in words."""
    below: bool = False
    """The figure must stay below the target, not above."""


def outcome(low: float | None, high: float | None, target: float) -> str:
    """Pass only when the whole interval is above the target, fail only when it is at or below."""
    if low is None or high is None:
        return "not available"
    if low > target:
        return "pass"
    return "fail" if high <= target else "inconclusive"


def hold_voice(name: str, target: float, voice: VoiceReport | None) -> Held:
    """A measure of voice.json against its target."""
    measure = voice.measures.get(name) if voice else None
    title = measure.title if measure else VOICE.get(name, name)
    figure = measure.arms.get(TESTED) if measure else None
    if figure is None:
        return Held(title, target, None, None, None, "not available", "the voice report does not have it")
    if not figure.is_known:
        return Held(title, target, None, None, None, "not available", figure.why or figure.status)
    if figure.low is None:
        return Held(title, target, None, None, None, "not available", "it came without an interval")
    reached = outcome(figure.low, figure.high, target)
    needs = "more held-out text and more generations narrow this interval" if reached == "inconclusive" else None
    return Held(title, target, figure.value, figure.low, figure.high, reached, None, needs)


def hold_blind(title: str, target: float, verdict: dict[str, Any] | None, against: str) -> Held:
    """The blind win rate on voice over one arm against its target, both in percent."""
    found = _comparison(verdict, against)
    if verdict is None or found is None or found["deciding"]["value"] is None:
        return Held(title, target, None, None, None, "not available", "nobody whose vote counts has voted")
    rate = found["deciding"]
    low, high, why = rate["low"], rate["high"], None
    if rate["coverage"] < ENOUGH_COVERAGE:
        low, high = rate["worst_case_low"], rate["best_case_high"]
        why = f"{1 - rate['coverage']:.0%} of the votes are missing, and each is counted against the model"
    reached = outcome(100 * low, 100 * high, target)
    needs = None
    if not rate["independent"] and reached != "fail":
        reached = "inconclusive"
        why = "only the built-in judge has voted, which sees what the voice report sees and is no second witness"
        needs = "votes of readers, or of a judge at an endpoint (configs/judges)"
    elif reached == "inconclusive":
        needs = _votes_needed(list(found["by_prompt"].values()), target / 100, verdict["level"])
    return Held(title, target, 100 * rate["value"], 100 * low, 100 * high, reached, why, needs)


def hold_copying(voice: VoiceReport | None) -> Held:
    """The longest span copied from the author, in words; the voice report's own verdict decides."""
    title = "Longest span of copied words"
    copying = voice.copying.arms.get(TESTED) if voice else None
    if voice is None or copying is None:
        return Held(title, None, None, None, None, "not available", "the voice report does not have it")
    # Spans of held-out text can only come from rows that should not have been trained on: they count as well.
    results = (copying.training, copying.heldout)
    worst = max(results, key=lambda result: ("ok", "flag", "fail").index(result.verdict))
    longest = float(max(result.longest_words for result in results))
    share = worst.generations_flagged_percent
    why = None if worst.verdict == "ok" else f"{share:.0f}% of the answers hold a copied span of over 10 words"
    limit = voice.measures["copying"].reference.failed_over
    reached = "fail" if worst.verdict == "fail" else "pass"
    return Held(title, limit, longest, longest, longest, reached, why, below=True)


def hold_forgetting(voice: VoiceReport | None) -> Held:
    """Agreement with the base model's answers outside the author's field, in percent of the base's with itself."""
    title = "Base model's abilities retained"
    figure = voice.forgetting.arms.get(TESTED, {}).get("all") if voice else None
    if voice is None or figure is None:
        return Held(title, None, None, None, None, "not available", "nothing was asked outside the author's field")
    bound = 100.0 - voice.forgetting.margin_percent
    if figure.value is None or figure.low is None:
        return Held(title, bound, None, None, None, "not available", figure.why or figure.outcome)
    reached = outcome(figure.low, figure.high, bound)
    needs = "more prompts outside the author's field, or more samples of each" if reached == "inconclusive" else None
    return Held(title, bound, figure.value, figure.low, figure.high, reached, None, needs)


def _comparison(verdict: dict[str, Any] | None, against: str) -> dict[str, Any] | None:
    for comparison in (verdict or {}).get("comparisons", []):
        if (comparison["a"], comparison["b"]) == (TESTED, against) and "voice" in comparison["questions"]:
            found: dict[str, Any] = comparison["questions"]["voice"]
            return found
    return None


def _votes_needed(means: list[float], target: float, level: float) -> str:
    needed = prompts_needed(means, target, level)
    now = power_of(means, len(means), target, level)
    so_far = "" if now is None else f" (the {len(means)} so far had a {now:.0%} chance)"
    if needed is None:
        return f"{HOPELESS}: the rate so far is not clearly above the target{so_far}"
    more = max(needed - len(means), 1)
    return f"about {more} more prompts, voted on as these were, would settle it with probability {POWER:.0%}{so_far}"


def decide(held: dict[str, Held]) -> tuple[str, str]:
    """The decision and one sentence for it."""
    by = {kind: [h for h in held.values() if h.outcome == kind] for kind in OUTCOMES}
    if by["fail"]:
        missed = "misses its target" if len(by["fail"]) == 1 else "miss their targets"
        return "do not deploy", f"Do not deploy: {_listed(by['fail'])} {missed}."
    unsettled = by["inconclusive"] + by["not available"]
    if not unsettled:
        return "deploy", "Deploy: every target is met, and not by chance."
    met = f"{len(by['pass'])} of {len(held)} targets are met, none is missed"
    if len(unsettled) > 1:
        return "not enough evidence", f"Not enough evidence yet: {met}, {len(unsettled)} are open."
    needs = f": {unsettled[0].needs}" if unsettled[0].needs else ""
    return "not enough evidence", f"Not enough evidence yet: {met}, and {_listed(unsettled)} is not settled{needs}."


def _listed(held: list[Held]) -> str:
    """Up to three names, or two and how many more."""
    names = [h.title[0].lower() + h.title[1:] for h in held]
    if len(names) > 3:
        names = [*names[:2], f"{len(names) - 2} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def as_rows(held: dict[str, Held]) -> dict[str, dict[str, Any]]:
    """The targets as JSON, by name."""
    return {name: asdict(h) for name, h in held.items()}
