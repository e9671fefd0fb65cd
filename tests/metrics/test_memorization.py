"""Copying is found word for word, with its source, and cut out again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.prose import chapters, prose
from voicewright.core import text as reading
from voicewright.metrics import memorization, memorization_report

ROWS = [
    ("a.md:0-100", "You come down the ladder in the dark, and the smell of it meets you halfway, as it always does."),
    ("b.md:0-50", "The lamp is out; nobody has thought to fill it since the spring."),
]
FEW = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=60)


def test_the_longest_span_is_found_whatever_its_case_and_punctuation_with_its_source() -> None:
    [found] = memorization.spans(
        memorization.index(ROWS), 'He said: "THE SMELL OF IT -- meets you halfway!" Then he left.'
    )
    assert (" ".join(found.words), found.source) == ("the smell of it meets you halfway", "a.md:0-100")


def test_a_copied_span_stands_as_the_author_wrote_it_with_a_few_words_on_either_side() -> None:
    span = ["the", "smell", "of", "it", "meets", "you"]
    said = "... the dark, and the smell of it meets you halfway, as it ..."
    assert memorization_report.quoted(ROWS[0][1], span, around=3) == said
    assert memorization_report.quoted(ROWS[0][1], span, around=40) == ROWS[0][1].rstrip(".")
    assert memorization_report.quoted(ROWS[1][1], span) == ""


def test_four_words_in_common_are_no_span_and_none_crosses_two_rows() -> None:
    index = memorization.index(ROWS)
    assert memorization.spans(index, "the smell of it was new") == []
    across = "meets you halfway as it always does the lamp is out nobody has"
    assert [len(span.words) for span in memorization.spans(index, across)] == [7, 6]


def test_what_the_prompt_said_is_no_copying() -> None:
    text = "the smell of it meets you halfway"
    assert (
        memorization.spans(memorization.index(ROWS), text, prompt="Go on: The smell of it meets you halfway, as") == []
    )


def test_in_a_conversation_no_earlier_turn_is_copied_but_what_training_answered_is() -> None:
    turn, answer = (text for _, text in ROWS)
    row = {"id": "g", "before": f"Where to?\n\n{turn}", "prompt": "And the lamp?"}
    found = memorization_report.by_heart(
        memorization.index(ROWS), {"baseline": [{**row, "text": turn}], "finetuned": [{**row, "text": answer}]}
    )["arms"]
    assert (found["baseline"]["longest_words"], found["finetuned"]["longest_words"]) == (0, 13)
    assert found["finetuned"]["shown"][0]["source"] == "b.md:0-50"


def test_over_ten_words_is_flagged_over_twenty_fails_and_so_do_many_flagged_answers() -> None:
    index = memorization.index(ROWS)
    eleven = "in the dark and the smell of it meets you halfway"
    clean = ["nothing of it here at all"] * 199
    assert memorization.compare(index, [eleven, *clean], [""] * 200).row()["verdict"] == "flag"
    assert memorization.compare(index, [eleven] * 3 + clean, [""] * 202).row()["verdict"] == "fail"
    assert memorization.compare(index, [ROWS[0][1], *clean], [""] * 200).row()["verdict"] == "flag"
    longer = memorization.index([("c", " ".join(f"word{chr(97 + i)}" for i in range(26)))])
    assert (
        memorization.compare(longer, [" ".join(f"word{chr(97 + i)}" for i in range(22)), *clean], [""] * 200).row()[
            "verdict"
        ]
        == "fail"
    )


def test_copied_spans_are_shown_and_cut_out_and_the_rest_stays() -> None:
    index = memorization.index(ROWS)
    text = "Before. You come down the ladder in the dark, and the smell of it meets you. After."
    compared = memorization.compare(index, [text], [""])
    [shown] = compared.shown(["g1"])
    assert (shown["words"], shown["source"], shown["generation"]) == (15, "a.md:0-100", "g1")
    assert shown["text"].startswith("you come down the ladder")
    assert reading.words(memorization.without(text, compared.spans[0])) == ["before", "after"]


def test_the_authors_unseen_chapters_are_not_copied_from_the_others() -> None:
    texts = chapters()
    index = memorization.index([(str(i), text) for i, text in enumerate(texts[:12])])
    assert memorization.compare(index, texts[12:], [""] * 4).longest < memorization.FLAGGED
    assert memorization.compare(index, [prose(500, 1)], [""]).longest <= memorization.SPAN


@given(FEW, FEW)
def test_spans_are_as_long_as_a_search_of_every_place_finds(row: list[str], text: list[str]) -> None:
    found = memorization.spans(memorization.index([("s", " ".join(row))]), " ".join(text))
    covered = {i for span in found for i in range(span.start, span.start + len(span.words))}
    for span in found:
        assert " ".join(span.words) in " ".join(row)
    for i in range(len(text) - memorization.SPAN + 1):
        if f" {' '.join(text[i : i + memorization.SPAN])} " in f" {' '.join(row)} ":
            assert i in covered
