"""What others reported of the same recipe, and beside it what this run found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from voicewright.recipe.schema import Recipe
from voicewright.reporting.blocks import Section, Table, figure, number, percent

Curves = Mapping[str, Sequence[tuple[int, float]]]


def section(
    recipe: Recipe, verdict: Mapping[str, Any] | None, curves: Curves, manifest: Mapping[str, Any]
) -> Section | None:
    """The recipe's `published` figures; None where it has none."""
    if not recipe.published:
        return None
    own = figures(verdict, curves, manifest)
    rows: list[list[str | Markup]] = [
        [each.label, each.value, own.get(each.ours or "", "-") if each.model in (None, recipe.model.name) else "-"]
        for each in recipe.published
    ]
    words = (
        "Reported by others who did the same on material of their own, and asked judges of their own: a figure to hold "
        f"the run against, not a target of it. This run's model is {recipe.model.name}; a dash stands where it has no "
        "such figure."
    )
    return Section("Beside what was published", [], [Table(words, ["What", "Published", "This run"], rows)])


def figures(verdict: Mapping[str, Any] | None, curves: Curves, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The run's own figures, by the names that `published` calls them by."""
    found: dict[str, str] = {}
    for name in ("loss", "eval_loss"):
        if line := curves.get(name):
            found |= {name: number(line[-1][1], 4), "steps": f"{line[-1][0]:,}"}
    if seconds := manifest.get("train", {}).get("seconds"):
        found["minutes"] = number(seconds / 60)
    if line := curves.get("memory/max_allocated (GiB)"):
        # 0 where there is no accelerator.
        peak = max(value for _, value in line)
        found |= {"memory_gb": f"{peak:.1f} GB"} if peak else {}
    if not verdict or not verdict["comparisons"]:
        return found
    voice = verdict["comparisons"][0]["questions"].get("voice", {})
    if voice.get("deciding", {}).get("value") is not None:
        alone = "" if voice["deciding"]["independent"] else "\nby the built-in judge alone"
        found["blind"] = percent(voice["deciding"]) + alone
    found |= {f"blind.{kind}": percent(rate) for kind, rate in voice.get("by_domain", {}).items()}
    agreed = verdict["agreement"].get("voice", {}).get("judges", {}).get("raw")
    if agreed and agreed["value"] is not None:
        found["agreement"] = figure(agreed["value"], agreed["low"], agreed["high"], 2)
    return found
