"""Openings are cut from the held-out text as it is, evenly, at sentences, never twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicewright.core.rows import TrainingRow, evenly_spaced
from voicewright.core.text import first_words
from voicewright.generation.prompts import MIN_REFERENCE_WORDS, openings

WORDS = st.sampled_from(
    ["you", "walk", "on.", "Then", "the", "*boat*", "goes", "down!", '"No,"', "said", "Ida…", "\n\nNow"]
)
TEXTS = st.lists(WORDS, max_size=400).map(" ".join)


def rows_of(texts: list[str]) -> list[TrainingRow]:
    return [
        TrainingRow(id=str(n), source=f"s:{n}", tokens=9, work="w", section=str(n // 2), text=text)
        for n, text in enumerate(texts)
    ]


@given(st.lists(TEXTS, max_size=4), st.integers(0, 8), st.integers(1, 40), st.integers(1, 120))
def test_an_opening_and_its_reference_stand_in_the_held_out_text(
    texts: list[str], count: int, opening_words: int, reference_words: int
) -> None:
    rows = rows_of(texts)
    found = openings(rows, count, opening_words, reference_words)
    assert len(found) <= count
    assert len({o.id for o in found}) == len(found)
    joined = {s: "\n\n".join(str(r.text) for r in rows if r.section == s).split() for s in ("0", "1")}
    for opening in found:
        section = joined[str(next(r.section for r in rows if r.source == opening.source))]
        said = opening.text.split() + opening.reference.split()
        assert len(opening.text.split()) == opening_words
        assert min(reference_words, MIN_REFERENCE_WORDS) <= len(opening.reference.split()) <= reference_words
        assert any(section[i : i + len(said)] == said for i in range(len(section) - len(said) + 1))


def test_an_opening_begins_at_a_sentence_and_names_the_row_it_begins_in() -> None:
    first = "It rains all night on the roof. " * 10
    second = "".join(f"Boat {n} goes out past the stave. " for n in range(30))
    found = openings(rows_of([first, second]), 3, 10, 60)
    assert len(found) == 3
    assert all(o.text.startswith(("It rains", "Boat")) for o in found)
    assert {o.source for o in found} == {"s:0", "s:1"} or {o.source for o in found} == {"s:1"}
    boats = [o for o in found if o.text.startswith("Boat")]
    assert boats
    assert all(o.source == "s:1" for o in boats)


@given(st.lists(st.integers(), unique=True), st.integers(1, 50))
def test_a_spread_keeps_the_order_and_takes_no_item_twice(items: list[int], count: int) -> None:
    taken = evenly_spaced(items, count)
    assert len(taken) == min(count, len(items))
    assert [item for item in items if item in taken] == taken


@given(TEXTS, st.integers(1, 50))
def test_first_words_are_the_beginning_of_the_text_with_its_spacing(text: str, count: int) -> None:
    cut = first_words(text, count)
    assert text.startswith(cut)
    assert cut.split() == text.split()[:count]
