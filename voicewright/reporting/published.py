"""Figures that others reported for the same recipe, beside the run's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voicewright.core.documents.judging import Verdict
from voicewright.core.documents.manifest import ManifestEntry
from voicewright.recipe.schema import Recipe
from voicewright.reporting.blocks import Row, Section, Table, format_interval, format_number, format_percent

Curves = Mapping[str, Sequence[tuple[int, float]]]


def published_section(
    recipe: Recipe, verdict: Verdict | None, curves: Curves, manifest: Mapping[str, ManifestEntry]
) -> Section | None:
    """The recipe's `published` figures; None where it has none."""
    if not recipe.published:
        return None
    own = run_figures(verdict, curves, manifest)
    rows: list[Row] = [
        [each.label, each.value, own.get(each.ours or "", "-") if each.model in (None, recipe.model.name) else "-"]
        for each in recipe.published
    ]
    caption = (
        "Reported by others for the same recipe, on material and with judges of their own: for comparison, not as "
        f"targets. This run's model is {recipe.model.name}; a dash means that the run has no such figure."
    )
    return Section("Published figures", [], [Table(caption, ["Figure", "Published", "This run"], rows)])


def run_figures(verdict: Verdict | None, curves: Curves, manifest: Mapping[str, ManifestEntry]) -> dict[str, str]:
    """The run's own figures, by the names that `published` calls them by."""
    figures: dict[str, str] = {}
    for name in ("loss", "eval_loss"):
        if line := curves.get(name):
            figures |= {name: format_number(line[-1][1], 4), "steps": f"{line[-1][0]:,}"}
    if "train" in manifest and manifest["train"].seconds:
        figures["minutes"] = format_number(manifest["train"].seconds / 60)
    if line := curves.get("memory/max_allocated (GiB)"):
        # 0 where there is no accelerator.
        peak = max(value for _, value in line)
        figures |= {"memory_gb": f"{peak:.1f} GB"} if peak else {}
    if verdict is None or not verdict.comparisons:
        return figures
    if voice := verdict.comparisons[0].questions.get("voice"):
        if voice.deciding.value is not None:
            alone = "" if voice.deciding.independent else "\nby the built-in judge alone"
            figures["blind"] = format_percent(voice.deciding) + alone
        figures |= {f"blind.{kind}": format_percent(rate) for kind, rate in voice.by_domain.items()}
    agreement = verdict.agreement.get("voice")
    if agreement and agreement.judges and agreement.judges.raw.value is not None:
        figures["agreement"] = format_interval(agreement.judges.raw, 2)
    return figures
