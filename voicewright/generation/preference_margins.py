"""Which reply of held-out preference pairs a model finds likelier, before and after DPO.

Accuracy: the share of pairs in which the better reply has the higher log-probability. Margin: by how many nats, on
average. Reward accuracy and margin are the same after the baseline's log-probabilities are taken off, which is what
DPO trains (Rafailov et al. 2023, equation 7, beta left out). The stage `generate` measures it with the rest and writes
preferred/<arm>.json in the run's folder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from voicewright.core import progress
from voicewright.core.documents.base import read_document, read_documents, write_document
from voicewright.core.documents.generation import Likelihood, PreferenceMargins
from voicewright.core.documents.intervals import Rate
from voicewright.core.paths import Run
from voicewright.core.rows import PromptFormat, TrainingRow
from voicewright.generation import likelihood
from voicewright.recipe.schema import Recipe
from voicewright.serving.endpoint import Endpoint
from voicewright.stats import intervals


def margins(chosen: Mapping[str, float], rejected: Mapping[str, float]) -> dict[str, float]:
    """By pair: log p(better reply) - log p(worse reply) in nats, from bits by pair."""
    return {pair: (rejected[pair] - bits) * math.log(2) for pair, bits in chosen.items() if pair in rejected}


def summary(arm: str, margin_by_pair: Mapping[str, float], baseline: Mapping[str, float] | None) -> PreferenceMargins:
    """Accuracy with Wilson's interval, mean margin, and both relative to the baseline's margins where there are any."""
    accuracy, mean = _rate(margin_by_pair)
    fields = {"arm": arm, "pairs": len(margin_by_pair), "accuracy": accuracy, "margin_nats": mean}
    if baseline is not None:
        gains = {pair: value - baseline[pair] for pair, value in margin_by_pair.items() if pair in baseline}
        reward_accuracy, reward_mean = _rate(gains)
        fields |= {"reward_accuracy": reward_accuracy, "reward_margin_nats": reward_mean}
    return PreferenceMargins.model_validate({**fields, "margin_by_pair": dict(margin_by_pair)})


def measure(recipe: Recipe, arm: str, form: PromptFormat, endpoint: Endpoint) -> PreferenceMargins | None:
    """Have preferred/<arm>.json on disk; None where the data has no pairs or the endpoint no log-probabilities."""
    run = Run(recipe.run)
    if form.shape != "preference":
        return None
    rows = list(read_documents(run.rows_path("preference", "heldout"), TrainingRow))
    bits: dict[str, dict[str, float]] = {}
    for side in ("chosen", "rejected"):
        replies = [row.model_copy(update={"chosen": getattr(row, side)}) for row in rows]
        path = run.preferred_dir / f"{arm}.{side}.jsonl"
        context = endpoint.context or recipe.model.context
        with progress.bar(f"{arm}, {side}", len(replies)) as advance:
            status = likelihood.score(path, replies, form, endpoint, arm, context=context, progress=advance)
        if status.why:
            print(f"{arm}: which reply is likelier is not available: {status.why}")
            return None
        bits[side] = {row.id: row.bits for row in read_documents(path, Likelihood)}
    baseline_path = run.preferred_path("baseline")
    compared = arm != "baseline" and baseline_path.exists()
    baseline = read_document(baseline_path, PreferenceMargins).margin_by_pair if compared else None
    report = summary(arm, margins(bits["chosen"], bits["rejected"]), baseline)
    write_document(run.preferred_path(arm), report)
    _print("finds the better reply likelier", report, report.accuracy, report.margin_nats)
    _print("moved towards the better reply", report, report.reward_accuracy, report.reward_margin_nats)
    return report


def _rate(margin_by_pair: Mapping[str, float]) -> tuple[Rate, float | None]:
    """The share of positive margins with Wilson's interval, and the mean."""
    positive = sum(value > 0 for value in margin_by_pair.values())
    mean = sum(margin_by_pair.values()) / len(margin_by_pair) if margin_by_pair else None
    return intervals.wilson(positive, len(margin_by_pair)), mean


def _print(what: str, report: PreferenceMargins, rate: Rate | None, mean_nats: float | None) -> None:
    if rate is not None and rate.value is not None and mean_nats is not None:
        print(
            f"{report.arm} {what} in {rate.value:.0%} ({rate.low:.0%} to {rate.high:.0%}) of {report.pairs} pairs, "
            f"by {mean_nats:.2f} nats on average"
        )
