"""A recipe's targets held against the figures: pass, fail, inconclusive or not available each, and what follows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.power import POWER, power_of, prompts_needed

TESTED = "finetuned"
# Below this share of scored votes the bound counts every missing vote against the model.
ENOUGH_COVERAGE = 0.95
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


def hold_voice(name: str, target: float, voice: dict[str, Any] | None) -> Held:
    """A measure of voice.json against its target."""
    measure = (voice or {}).get("measures", {}).get(name)
    title = measure["title"] if measure else VOICE.get(name, name)
    found = (measure or {}).get("arms", {}).get(TESTED)
    if found is None:
        return Held(title, target, None, None, None, "not available", "the voice report does not have it")
    if found["status"] != "ok":
        return Held(title, target, None, None, None, "not available", found.get("why") or found["status"])
    if found["low"] is None:
        return Held(title, target, None, None, None, "not available", "it came without an interval")
    reached = outcome(found["low"], found["high"], target)
    needs = "more held-out text and more generations narrow this interval" if reached == "inconclusive" else None
    return Held(title, target, found["value"], found["low"], found["high"], reached, None, needs)


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


def hold_limit(name: str, title: str, voice: dict[str, Any] | None) -> Held:
    """A measure that must stay below the limit the voice report gives it (`reference.limit`): copying, forgetting."""
    measure = (voice or {}).get("measures", {}).get(name)
    found = (measure or {}).get("arms", {}).get(TESTED)
    limit = (measure or {}).get("reference", {}).get("limit")
    if measure is None or found is None or limit is None:
        return Held(title, None, None, None, None, "not available", "the voice report does not have it")
    if found["status"] != "ok":
        return Held(title, limit, None, None, None, "not available", found.get("why") or found["status"])
    low = found["value"] if found["low"] is None else found["low"]
    high = found["value"] if found["high"] is None else found["high"]
    reached = "pass" if high <= limit else "fail" if low > limit else "inconclusive"
    return Held(measure["title"], limit, found["value"], low, high, reached, below=True)


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
        return f"no number of votes is likely to pass: the rate so far is not clearly above the target{so_far}"
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
    verb = "is" if len(unsettled) == 1 else "are"
    needs = f": {unsettled[0].needs}" if len(unsettled) == 1 and unsettled[0].needs else ""
    met = f"{len(by['pass'])} of {len(held)} targets are met and none is missed, but "
    return "not enough evidence", f"Not enough evidence yet: {met}{_listed(unsettled)} {verb} not settled{needs}."


def _listed(held: list[Held]) -> str:
    """Up to three names, or two and how many more."""
    names = [h.title[0].lower() + h.title[1:] for h in held]
    if len(names) > 3:
        names = [*names[:2], f"{len(names) - 2} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def as_rows(held: dict[str, Held]) -> dict[str, dict[str, Any]]:
    """The targets as JSON, by name."""
    return {name: asdict(h) for name, h in held.items()}
