"""Passages tile their chapter, keep to the bounds, and end where a reader would pause."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from voicewright.data.chunking import chunk
from voicewright.data.cleaned_text import sections
from voicewright.data.readers.markdown import to_markdown


def words(texts: list[str]) -> list[int]:
    """A stand-in tokenizer that adds up: one token a character run, one a letter beyond eight."""
    return [sum(1 + max(0, len(word) - 8) for word in text.split()) for text in texts]


PROSE = ["A short one. ", "He said so, and went. ", "word ", "x" * 60, "“Who? ", "No.” ", "é – "]
PIECES = st.sampled_from([*PROSE, "\n", "\n\n", "\n\n* * *\n\n", "\n\n# Two\n\n"])


@given(st.lists(PIECES, max_size=120).map("".join), st.integers(1, 12), st.integers(12, 60))
@settings(max_examples=150, deadline=None)
def test_passages_concatenate_to_the_cleaned_text_within_bounds_or_with_a_reason(raw: str, low: int, high: int) -> None:
    text = to_markdown(raw)
    parts = sections(text, shortest=0)
    passages = [p for chapter in chunk(text, parts, words, low, high) for p in chapter]
    assert "".join(text[p.start : p.end] for p in passages) == text
    for passage in passages:
        (exact,) = words([text[passage.start : passage.end]])
        assert passage.tokens == exact <= high
        assert exact >= low or passage.reason


def chapter_of(paragraphs: list[str]) -> str:
    return "# One\n\n" + "\n\n".join(paragraphs) + "\n"


def cut(text: str, low: int, high: int) -> list[str]:
    return [text[p.start : p.end] for each in chunk(text, sections(text, 0), words, low, high) for p in each]


def test_a_scene_end_within_the_bounds_is_preferred_to_a_fuller_passage() -> None:
    text = chapter_of(["one two three four."] * 4 + ["* * *"] + ["five six seven eight."] * 6)
    first = cut(text, 10, 30)[0]
    assert first.rstrip().endswith("* * *")


def test_a_paragraph_end_is_preferred_to_a_sentence_end() -> None:
    text = chapter_of(["One two three. Four five six. Seven eight nine."] * 6)
    assert all(passage.endswith("\n") for passage in cut(text, 5, 21))


def test_a_long_paragraph_is_cut_at_sentences() -> None:
    text = chapter_of(["One two three four five six seven eight. " * 10])
    assert all(passage.rstrip().endswith("eight.") for passage in cut(text, 5, 21))


def test_no_tail_is_left_too_short_when_the_passages_before_it_can_give() -> None:
    text = chapter_of(["one two three four five."] * 9)
    assert min(words(cut(text, 12, 22))) >= 12


def test_a_sentence_longer_than_the_bound_is_cut_and_says_so() -> None:
    text = chapter_of(["word " * 50])
    passages = chunk(text, sections(text, 0), words, 5, 20)[0]
    assert any("longer than max_tokens" in (p.reason or "") for p in passages)


def test_no_passage_crosses_a_chapter() -> None:
    text = "# One\n\nfirst words here.\n\n# Two\n\nsecond words here.\n"
    assert [len(chapter) for chapter in chunk(text, sections(text, 0), words, 1, 50)] == [1, 1]
