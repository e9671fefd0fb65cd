"""What others reported of a recipe stands in the report, beside the run's own figure where there is one."""

from __future__ import annotations

from typing import Any

import pytest

from voicewright.core.errors import UserError
from voicewright.recipe import recipes
from voicewright.reporting import published_section
from voicewright.reporting.blocks import Table, markdown

CURVES: published_section.Curves = {
    "loss": [(1, 3.0), (290, 1.5)],
    "eval_loss": [(50, 2.0), (290, 1.25)],
    "memory/max_allocated (GiB)": [(1, 13)],
}


def rate(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n_prompts": 20}


VERDICT = {
    "comparisons": [
        {"questions": {"voice": {"deciding": {**rate(0.6), "independent": True}, "by_domain": {"code": rate(0.2)}}}}
    ],
    "agreement": {"voice": {"judges": {"raw": rate(0.8)}}},
}


def shown(name: str, *overrides: str, verdict: Any = VERDICT) -> dict[str, tuple[str, str]]:
    settings = recipes.compose(name, list(overrides)).recipe
    found = published_section.section(settings, verdict, CURVES, {"train": {"seconds": 600}})
    assert found is not None
    (table,) = found.blocks
    assert isinstance(table, Table)
    assert "Published" in markdown("A report", [found])
    return {str(row[0]): (str(row[1]), str(row[2])) for row in table.rows}


def test_bries_figures_are_all_there_and_ours_stand_beside_those_of_the_same_model() -> None:
    rows = shown("brie")
    assert rows["training steps"] == ("290", "290")
    assert rows["loss at the end, training"] == ("1.4824", "1.5000")
    assert rows["loss at the end, validation"] == ("1.5031", "1.2500")
    assert rows["preferred over the base, Qwen2.5-3B"] == ("91.2%", "60% (50\u00a0to\u00a070)")
    assert rows["preferred over the base, Llama-3.2-3B"] == ("80.4%", "-")
    assert rows["outside it: code"] == ("0%", "20% (10\u00a0to\u00a030)")
    assert rows["judges that said the same (raw)"] == ("91%", "0.80 (0.70\u00a0to\u00a00.90)")
    values = " ".join(value for value, _ in rows.values())
    for figure in (
        "71.9%",
        "95.2 / 78.9 / 93.0 / 94.7%",
        "73.8 / 80.0 / 82.5 / 84.2%",
        "77%",
        "40%",
        "33%",
        "67%",
        "50%",
    ):
        assert figure in values
    assert shown("brie", "model=llama3_2_3b")["preferred over the base, Llama-3.2-3B"][1].startswith("60%")


def test_a_rate_that_no_independent_judge_gave_says_so() -> None:
    voice = {"deciding": {**rate(0.6), "independent": False}, "by_domain": {}}
    rows = shown("brie", verdict={**VERDICT, "comparisons": [{"questions": {"voice": voice}}]})
    assert rows["preferred over the base, Qwen2.5-3B"][1].endswith("by the built-in judge alone")


def test_petersons_are_those_of_the_first_idea() -> None:
    rows = shown("peterson_v1", verdict=None)
    assert [*rows.values()] == [("321", "290"), ("23", "10"), ("2.44", "1.5000"), ("13.4 GB", "13.0 GB")]


def test_a_recipe_of_which_nothing_was_published_has_no_such_section() -> None:
    assert published_section.section(recipes.compose("demo").recipe, VERDICT, CURVES, {}) is None


def test_a_figure_that_no_run_has_is_refused() -> None:
    with pytest.raises(UserError, match="published"):
        recipes.compose("demo", ["published=[{label: x, value: y, ours: lose}]"])
