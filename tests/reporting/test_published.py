"""What others reported of a recipe stands in the report, beside the run's own figure where there is one."""

from __future__ import annotations

import pytest

from voicewright.core.documents.intervals import Agreement, Rate
from voicewright.core.documents.judging import Comparison, DecidingRate, QuestionAgreement, QuestionResult, Verdict
from voicewright.core.documents.manifest import ManifestEntry
from voicewright.core.errors import UserError
from voicewright.recipe import recipes
from voicewright.reporting.blocks import Table, markdown
from voicewright.reporting.published import Curves, published_section

CURVES: Curves = {
    "loss": [(1, 3.0), (290, 1.5)],
    "eval_loss": [(50, 2.0), (290, 1.25)],
    "memory/max_allocated (GiB)": [(1, 13)],
}


def rate(value: float) -> Rate:
    return Rate(value=value, low=value - 0.1, high=value + 0.1, n_prompts=20)


def verdict(independent: bool = True) -> Verdict:
    """A verdict with one comparison, whose deciding votes are of an independent rater or of the built-in judge."""
    any_rate = rate(0.6)
    deciding = DecidingRate(
        **any_rate.to_json(), independent=independent, coverage=1.0, worst_case_low=0.5, best_case_high=0.7
    )
    voice = QuestionResult(
        deciding=deciding, readers=any_rate, judges=any_rate, built_in=any_rate, together=any_rate, by_rater={},
        by_domain={"code": rate(0.2)}, majority=any_rate, ties=None, length=None, by_prompt={},
    )  # fmt: skip
    agreement = Agreement(raw=rate(0.8), fleiss=rate(0.7), alpha=rate(0.7), ac1=rate(0.7), n_units=20, n_raters=2)
    return Verdict(
        win_rate={}, arms=["finetuned", "baseline"], level=0.95, looks=1, raters={}, strengths=None,
        comparisons=[Comparison(a="finetuned", b="baseline", pairs=20, questions={"voice": voice})],
        agreement={"voice": QuestionAgreement(judges=agreement, cohen={})},
    )  # fmt: skip


def published(name: str, *overrides: str, verdict: Verdict | None) -> dict[str, tuple[str, str]]:
    """The rows of the section: label -> (published, the run's own)."""
    recipe = recipes.compose(name, list(overrides)).recipe
    section = published_section(recipe, verdict, CURVES, {"train": ManifestEntry(identity="0", seconds=600)})
    assert section is not None
    (table,) = section.blocks
    assert isinstance(table, Table)
    assert "Published" in markdown("A report", [section])
    return {str(row[0]): (str(row[1]), str(row[2])) for row in table.rows}


def test_bries_figures_are_all_there_and_ours_stand_beside_those_of_the_same_model() -> None:
    rows = published("brie", verdict=verdict())
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
    assert published("brie", "model=llama3_2_3b", verdict=verdict())["preferred over the base, Llama-3.2-3B"][
        1
    ].startswith("60%")


def test_a_rate_that_no_independent_judge_gave_says_so() -> None:
    rows = published("brie", verdict=verdict(independent=False))
    assert rows["preferred over the base, Qwen2.5-3B"][1].endswith("by the built-in judge alone")


def test_petersons_are_those_of_the_first_idea() -> None:
    rows = published("peterson_v1", verdict=None)
    assert [*rows.values()] == [("321", "290"), ("23", "10"), ("2.44", "1.5000"), ("13.4 GB", "13.0 GB")]


def test_a_recipe_of_which_nothing_was_published_has_no_such_section() -> None:
    assert published_section(recipes.compose("demo").recipe, verdict(), CURVES, {}) is None


def test_a_figure_that_no_run_has_is_refused() -> None:
    with pytest.raises(UserError, match="published"):
        recipes.compose("demo", ["published=[{label: x, value: y, ours: lose}]"])
