from __future__ import annotations

from pathlib import Path

import pytest

from tests.judging.examples import cases
from voicewright.core.documents.judging import Pair
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import write_rows
from voicewright.judging import panel
from voicewright.judging.judges import questions_on
from voicewright.recipe import recipes
from voicewright.recipe.schema import Judge, QualificationSettings


def test_a_missing_key_is_named_before_anything_is_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    judges = {"far": Judge(kind="endpoint", model="m", url="http://127.0.0.1:9", api_key_env="NO_SUCH_KEY")}
    with pytest.raises(UserError) as caught:
        panel.assemble_panel(Run("r"), ["far", "nobody"], judges)
    assert "no such judge; it has far" in caught.value.problems[0]
    assert "NO_SUCH_KEY is neither in the environment nor in .env" in caught.value.problems[1]


def test_what_may_cost_more_than_the_limit_waits_for_consent() -> None:
    judges = {"far": Judge(kind="endpoint", model="m", url="http://127.0.0.1:9", price_per_million_input=1000)}
    questions = {"far": questions_on(cases().cases, ["voice"])}
    panel.confirm_cost(judges, questions, 1.0, agreed=True, agree_command="make judge RUN=r YES=1")
    with pytest.raises(UserError, match="US dollars") as caught:
        panel.confirm_cost(judges, questions, 1.0, agreed=False, agree_command="make judge RUN=r YES=1")
    assert caught.value.hint == "make judge RUN=r YES=1"


@pytest.mark.parametrize(("words", "case_words"), [(300, 200), (60, 60), (25, 40)])
def test_a_judge_is_qualified_at_no_greater_length_than_it_votes_on(words: int, case_words: int) -> None:
    long, short = "word " * words, "word " * 30
    pairs = [Pair(id="a", x=long, y=long), Pair(id="b", x=short, y=long)]
    assert panel.at_pair_length(QualificationSettings(), pairs).words == case_words


def test_the_author_is_never_among_the_imposters() -> None:
    of_sample = panel.imposter_texts(recipes.compose("demo").recipe)
    assert len(of_sample) >= 3
    of_other = panel.imposter_texts(recipes.compose("demo", ["source=voicewright/judging/imposters"]).recipe)
    assert of_other and not set(of_sample) & set(of_other)


def test_a_question_without_wording_is_refused() -> None:
    settings = Judge(kind="endpoint", model="m", url="http://127.0.0.1:9", questions=["voice", "wit"])
    assert panel.question_names("j", settings, {"wit": "it is funny"}) == ["voice", "wit"]
    with pytest.raises(UserError, match="wit: not voice, quality, rubric"):
        panel.question_names("j", settings, {})


def test_judges_see_only_what_the_author_wrote(home: Path) -> None:
    run = Run("r")
    turns = [
        {"role": "user", "content": "A question?"},
        {"role": "assistant", "content": "Somebody else's answer.", "train": False},
        {"role": "assistant", "content": "Calling a tool.", "tool_calls": [{"function": {"name": "f"}}]},
        {"role": "assistant", "content": "The author's answer."},
    ]
    row = {"id": "1", "source": "chat.json:1", "tokens": 20, "messages": turns}
    write_rows(run.rows_path("completion", "train"), [row])
    assert panel.author_texts(run, "train") == ["The author's answer."]
