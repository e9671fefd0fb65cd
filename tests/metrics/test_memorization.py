"""Copying is found word for word, with its source, and cut out again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.prose import chapters, prose
from voicewright.core import text as reading
from voicewright.core.documents.generation import Generation
from voicewright.metrics import memorization
from voicewright.metrics.samples import AuthorTexts

SOURCES = ["a.md:0-100", "b.md:0-50"]
TEXTS = [
    "You come down the ladder in the dark, and the smell of it meets you halfway, as it always does.",
    "The lamp is out; nobody has thought to fill it since the spring.",
]
INDEX = memorization.build_index(TEXTS, SOURCES)
AUTHOR = AuthorTexts(TEXTS, SOURCES, set())
FEW = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=60)


def test_the_longest_span_is_found_whatever_its_case_and_punctuation_with_its_source() -> None:
    [found] = memorization.find_spans(INDEX, 'He said: "THE SMELL OF IT -- meets you halfway!" Then he left.')
    assert (" ".join(found.words), found.source) == ("the smell of it meets you halfway", "a.md:0-100")


def test_a_copied_span_stands_as_the_author_wrote_it_with_a_few_words_on_either_side() -> None:
    span = ["the", "smell", "of", "it", "meets", "you"]
    said = "... the dark, and the smell of it meets you halfway, as it ..."
    assert memorization.quote(TEXTS[0], span, context=3) == said
    assert memorization.quote(TEXTS[0], span, context=40) == TEXTS[0].rstrip(".")
    assert memorization.quote(TEXTS[1], span) == ""


def test_four_words_in_common_are_no_span_and_none_crosses_two_rows() -> None:
    assert memorization.find_spans(INDEX, "the smell of it was new") == []
    across = "meets you halfway as it always does the lamp is out nobody has"
    assert [len(span.words) for span in memorization.find_spans(INDEX, across)] == [7, 6]


def test_what_the_prompt_said_is_no_copying() -> None:
    text = "the smell of it meets you halfway"
    assert memorization.find_spans(INDEX, text, prompt="Go on: The smell of it meets you halfway, as") == []


def test_in_a_conversation_no_earlier_turn_is_copied_but_what_training_answered_is() -> None:
    turn, answer = TEXTS

    def continued(text: str) -> list[Generation]:
        given = {"id": "g", "arm": "a", "prompt_id": "p", "domain": "training", "sample": 0, "before": f"So?\n\n{turn}"}
        return [Generation(**given, prompt="And the lamp?", text=text)]

    arms = memorization.prefix_copying(
        INDEX, {"baseline": continued(turn), "finetuned": continued(answer)}, AUTHOR
    ).arms
    assert (arms["baseline"].longest_words, arms["finetuned"].longest_words) == (0, 13)
    assert arms["finetuned"].shown[0].source == "b.md:0-50"


def test_over_ten_words_is_flagged_over_twenty_fails_and_so_do_many_flagged_answers() -> None:
    eleven = "in the dark and the smell of it meets you halfway"
    clean = ["nothing of it here at all"] * 199
    assert memorization.compare(INDEX, [eleven, *clean]).result().verdict == "flag"
    assert memorization.compare(INDEX, [eleven] * 3 + clean).result().verdict == "fail"
    assert memorization.compare(INDEX, [TEXTS[0], *clean]).result().verdict == "flag"
    longer = memorization.build_index([" ".join(f"word{chr(97 + i)}" for i in range(26))], ["c"])
    copied = " ".join(f"word{chr(97 + i)}" for i in range(22))
    assert memorization.compare(longer, [copied, *clean]).result().verdict == "fail"


def test_copied_spans_are_shown_and_cut_out_and_the_rest_stays() -> None:
    text = "Before. You come down the ladder in the dark, and the smell of it meets you. After."
    copies = memorization.compare(INDEX, [text])
    [span] = copies.shown(["g1"], AUTHOR)
    assert (span.words, span.source, span.generation) == (15, "a.md:0-100", "g1")
    assert span.text.startswith("you come down the ladder")
    assert span.author_text.startswith("You come down the ladder in the dark, and")
    assert reading.words(memorization.without_spans(text, copies.spans[0])) == ["before", "after"]


def test_the_authors_unseen_chapters_are_not_copied_from_the_others() -> None:
    texts = chapters()
    index = memorization.build_index(texts[:12], [str(i) for i in range(12)])
    assert memorization.compare(index, texts[12:]).longest < memorization.FLAGGED_WORDS
    assert memorization.compare(index, [prose(500, 1)]).longest <= memorization.SPAN_WORDS


@given(FEW, FEW)
def test_spans_are_as_long_as_a_search_of_every_place_finds(row: list[str], text: list[str]) -> None:
    found = memorization.find_spans(memorization.build_index([" ".join(row)], ["s"]), " ".join(text))
    covered = {i for span in found for i in range(span.start, span.start + len(span.words))}
    for span in found:
        assert " ".join(span.words) in " ".join(row)
    for i in range(len(text) - memorization.SPAN_WORDS + 1):
        if f" {' '.join(text[i : i + memorization.SPAN_WORDS])} " in f" {' '.join(row)} ":
            assert i in covered
