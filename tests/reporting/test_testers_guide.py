from __future__ import annotations

from voicewright.core.documents.decision import Decision
from voicewright.core.documents.generation import Generation
from voicewright.recipe import recipes
from voicewright.reporting.testers_guide import guide, select_answers


def test_a_testers_guide_holds_answers_limits_and_the_warning() -> None:
    rows = [
        Generation(id="", arm="finetuned", prompt_id="", prompt=f"{domain} {n}?", domain=domain, sample=0,
                   text=f"Answer {n}.")
        for domain in ("everyday", "heldout", "code")
        for n in range(3)
    ]  # fmt: skip
    selected = select_answers(rows, 4)
    assert [row.prompt for row in selected] == ["everyday 0?", "code 0?", "everyday 1?", "code 1?"]
    decision = Decision(decision="not enough evidence", sentence="Not enough evidence.", targets={})
    text = guide(recipes.compose("freethought").recipe, selected, decision)
    for part in (
        "everyday 1?",
        "Answer 1.",
        "medicine, law or money",
        "temperature 0.2 for plain answers to 0.7",
        "top-p 0.9",
        "128 to 512 tokens",
        "stop at a newline",
        "mit",
        "adapter",
    ):
        assert part in text
    assert "heldout" not in text
