"""Deploy, do not deploy, or not enough evidence: RUN -> decision.json, from voice.json and blind/verdict.json.

The targets are those that stood in the recipe when the pairs were made; changing them after a vote changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voicewright.core import training_events
from voicewright.core.documents.base import read_document, write_document
from voicewright.core.documents.decision import Decision, DecisionWord, Looks, Outcome, TargetOutcome
from voicewright.core.documents.judging import CommittedTargets, Verdict
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.errors import notice
from voicewright.core.paths import Run
from voicewright.core.records import content_id, read_json, read_rows, write_json
from voicewright.decision.advice import Losses, advise
from voicewright.decision.targets import (
    VOICE_TITLES,
    blind_outcome,
    copying_outcome,
    forgetting_outcome,
    voice_outcome,
)
from voicewright.recipe.schema import Recipe, Targets

PROMPTED = "prompted"


def decide(
    report: VoiceReport | None,
    verdict: Verdict | None,
    targets: Targets,
    against: Sequence[str] = ("baseline", PROMPTED),
) -> Decision:
    """The decision on the fine-tuned arm, without advice.

    `report` and `verdict` are None where they were not made: their targets are then not available, and the decision is
    never "deploy". `targets.blind` is about the first arm of `against`, `targets.prompted` about the arm `prompted`.
    """
    values: dict[str, float] = targets.model_dump()
    outcomes = {name: voice_outcome(name, values[name], report) for name in VOICE_TITLES}
    outcomes["blind"] = blind_outcome(against[0], targets.blind, verdict)
    if PROMPTED in against[1:]:
        outcomes["prompted"] = blind_outcome(PROMPTED, targets.prompted, verdict)
    outcomes["copying"] = copying_outcome(report)
    outcomes["forgetting"] = forgetting_outcome(report)
    word, sentence = _overall(outcomes)
    return Decision(decision=word, sentence=sentence, targets=outcomes, advice=[])


def _overall(outcomes: Mapping[str, TargetOutcome]) -> tuple[DecisionWord, str]:
    """The decision and one sentence for it."""

    def having(*kinds: Outcome) -> list[TargetOutcome]:
        return [outcome for kind in kinds for outcome in outcomes.values() if outcome.outcome == kind]

    failed, open_ = having("fail"), having("inconclusive", "not available")
    if failed:
        missed = "misses its target" if len(failed) == 1 else "miss their targets"
        return "do not deploy", f"Do not deploy: {_listed(failed)} {missed}."
    if not open_:
        return "deploy", f"Deploy: all {len(outcomes)} targets are met."
    met = f"{len(having('pass'))} of {len(outcomes)} targets are met, none is missed"
    if len(open_) > 1:
        undecided = f"{len(open_)} are inconclusive or not available"
        return "not enough evidence", f"Not enough evidence yet: {met}, {undecided}."
    needs = f"; needed: {open_[0].needs}" if open_[0].needs else ""
    return "not enough evidence", f"Not enough evidence yet: {met}, and {_listed(open_)} is {open_[0].outcome}{needs}."


def _listed(outcomes: Sequence[TargetOutcome]) -> str:
    """Up to three titles, or two and how many more."""
    titles = [outcome.title[0].lower() + outcome.title[1:] for outcome in outcomes]
    if len(titles) > 3:
        titles = [*titles[:2], f"{len(titles) - 2} more"]
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


def decide_run(run: Run, recipe: Recipe) -> Decision:
    """Decide on a run, with advice, and write decision.json."""
    report = read_document(run.voice_path, VoiceReport) if run.voice_path.exists() else None
    verdict = read_document(run.verdict_path, Verdict) if run.verdict_path.exists() else None
    decision = decide(report, verdict, committed_targets(run, recipe), recipe.blind.against)
    if decision.decision != "deploy":
        decision.advice = advise(recipe, decision.targets, training_losses(run))
    decision.looks = count_look(run, recipe.blind.looks)
    write_document(run.decision_path, decision)
    return decision


def committed_targets(run: Run, recipe: Recipe) -> Targets:
    """The targets that were written down with the pairs; the recipe's where there are no pairs yet."""
    if not run.targets_path.exists():
        return recipe.targets
    committed = read_document(run.targets_path, CommittedTargets).model_dump(exclude_none=True)
    now = recipe.targets.model_dump()
    changed = [name for name in now if committed.get(name, now[name]) != now[name]]
    if changed:
        notice(f"targets changed since the pairs were made ({', '.join(changed)}): the earlier ones apply")
    return recipe.targets.model_copy(update={name: committed.get(name, now[name]) for name in now})


def count_look(run: Run, planned: int) -> Looks:
    """Count a look at the votes, by their hash: the same votes are one look, however often the decision is made.

    Looks beyond the planned number make a wrong pass likelier than stated, and the report says so. The built-in judge's
    votes alone cannot lead to a deployment: they are not counted.
    """
    hashes: list[str] = read_json(run.looks_path) if run.looks_path.exists() else []
    rows = read_rows(run.votes_path) if run.votes_path.exists() else ()
    votes = sorted(content_id(row) for row in rows if row.get("kind") != "built-in")
    if votes and content_id(votes) not in hashes:
        hashes.append(content_id(votes))
        write_json(run.looks_path, hashes)
    return Looks(planned=planned, taken=len(hashes))


def training_losses(run: Run) -> Losses:
    """The losses that the training logged, by step; empty where the run was not trained here."""
    events = training_events.read(run.adapter_dir)
    return Losses(
        train=[value for _, value in training_events.curve(events, "loss")],
        evaluation=[value for _, value in training_events.curve(events, "eval_loss")],
    )


def outcome_line(outcome: TargetOutcome) -> str:
    """One target in one line."""
    figure = "-"
    if outcome.value is not None:
        figure = f"{outcome.value:.0f} ({outcome.low:.0f} to {outcome.high:.0f})"
    bound = "" if outcome.target is None else f", target {'at most' if outcome.below else 'over'} {outcome.target:g}"
    return f"  {outcome.title}: {figure}{bound}: {outcome.outcome}" + (f" ({outcome.why})" if outcome.why else "")
