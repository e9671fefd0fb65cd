"""Which reply of held-out preference pairs a model finds likelier, before and after DPO.

Accuracy: the share of pairs in which the better reply has the higher log-probability. Margin: by how many nats, on
average. Reward accuracy and margin are the same after the baseline's log-probabilities are taken off, which is what
DPO trains (Rafailov et al. 2023, equation 7, beta left out). `benchmarks.generate` measures it with the rest and writes
preferred/<arm>.json in the run's folder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from voicewright.core.paths import Run
from voicewright.core.records import Row, read_json, read_rows, write_json
from voicewright.generation import likelihood, progress, prompts
from voicewright.generation.prompts import Format
from voicewright.recipe.schema import Recipe
from voicewright.serving.endpoint import Endpoint
from voicewright.stats import intervals


def margins(chosen: Mapping[str, float], rejected: Mapping[str, float]) -> dict[str, float]:
    """By pair: log p(better reply) - log p(worse reply) in nats, from bits by pair."""
    return {pair: (rejected[pair] - bits) * math.log(2) for pair, bits in chosen.items() if pair in rejected}


def summary(margin: Mapping[str, float], reference: Mapping[str, float] | None) -> dict[str, Any]:
    """Accuracy with Wilson's interval, mean margin, and both relative to the reference where there is one."""
    found = {"pairs": len(margin), **_rates("", margin)}
    if reference is not None:
        gained = {pair: value - reference[pair] for pair, value in margin.items() if pair in reference}
        found |= _rates("reward_", gained)
    return found


def _rates(prefix: str, margin: Mapping[str, float]) -> dict[str, Any]:
    right = sum(value > 0 for value in margin.values())
    mean = sum(margin.values()) / len(margin) if margin else None
    return {f"{prefix}accuracy": intervals.wilson(right, len(margin)).to_json(), f"{prefix}margin_nats": mean}


def weigh(settings: Recipe, arm: str, form: Format, endpoint: Endpoint) -> None:
    """Have preferred/<arm>.json on disk, where the run's data has pairs and the endpoint tells log-probabilities."""
    run, limits = Run(settings.run), settings.eval
    if form.shape != "preference":
        return
    run.preferred_dir.mkdir(exist_ok=True)
    rows = list(read_rows(run.rows_path("preference", "heldout")))
    bits: dict[str, dict[str, float]] = {}
    for side in ("chosen", "rejected"):
        sided: list[Row] = [{**row, "chosen": row[side]} for row in rows]
        path = run.preferred_dir / f"{arm}.{side}.jsonl"
        why = likelihood.score(
            path, sided, form, endpoint, arm, context=endpoint.context or settings.model.context,
            concurrency=limits.concurrency, patience=prompts.patience(limits),
            progress=progress.line(f"{arm}, {side}", len(sided), "replies"),
        )  # fmt: skip
        if why:
            print(f"{arm}: which reply is likelier is not available: {why}")
            return
        bits[side] = {str(row["id"]): float(row["bits"]) for row in read_rows(path)}
    margin = margins(bits["chosen"], bits["rejected"])
    before = run.preferred_path("baseline")
    reference = read_json(before)["margin_by_pair"] if arm != "baseline" and before.exists() else None
    found = {"arm": arm, **summary(margin, reference), "margin_by_pair": margin}
    write_json(run.preferred_path(arm), found)
    for prefix, said in (("", "finds the better reply likelier"), ("reward_", "moved towards the better reply")):
        if f"{prefix}accuracy" in found and rows:
            rate = found[f"{prefix}accuracy"]
            print(f"{arm} {said} in {rate['value']:.0%} ({rate['low']:.0%} to {rate['high']:.0%}) of "
                  f"{found['pairs']} pairs, by {found[f'{prefix}margin_nats']:.2f} nats on average")  # fmt: skip
