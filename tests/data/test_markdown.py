"""Manuscripts in plain text and Markdown come out in one Markdown spelling."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicewright.data.readers.markdown import to_markdown


def test_hard_wrapped_lines_are_joined_and_paragraphs_kept() -> None:
    line = "the lamp went down the shaft and the water took no notice of it at all"
    raw = "\n\n".join("\n".join([line] * 4 + ["and so on."]) for _ in range(5))
    assert to_markdown(raw).count("\n\n") == 4
    assert f"{line} {line}" in to_markdown(raw)


def test_one_paragraph_a_line_without_blank_lines_stays_one_a_line() -> None:
    lines = [f"Paragraph {n} says " + "something at length " * (3 * n) for n in range(1, 12)]
    assert to_markdown("\n".join(lines)) == "\n\n".join(line.strip() for line in lines) + "\n"


def test_verse_keeps_its_lines() -> None:
    line = "the lamp went down the shaft and the water took no notice of it at all"
    prose = "\n\n".join("\n".join([line] * 4) for _ in range(5))
    verse = "Full fathom five\nthy father lies"
    assert verse in to_markdown(f"{prose}\n\n{verse}\n\n{prose}")


def test_chapters_of_a_text_without_markdown_become_headings() -> None:
    raw = "CHAPTER I\n\nTHE SUBTERRANEAN WAY\n\nShe walked.\n\nChapter 2. A Door\n\nShe ran.\n\nIV\n\nShe sat."
    text = to_markdown(raw)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# CHAPTER I",
        "## THE SUBTERRANEAN WAY",
        "# Chapter 2. A Door",
        "# IV",
    ]


def test_prose_that_begins_like_a_heading_is_no_heading() -> None:
    assert "#" not in to_markdown("Part of the trouble was the lamp.\n\nBook I was reading, you said.\n\nI went.")


def test_scene_breaks_get_one_spelling() -> None:
    for mark in ("***", "* * * * *", "---", "#", "⁂", "~ ~ ~"):
        assert "\n\n* * *\n\n" in to_markdown(f"One.\n\n{mark}\n\nTwo.")


@given(st.text(alphabet=st.sampled_from("ab. \n\r\t#*_-—“”éI1"), max_size=300))
def test_cleaning_loses_no_letter_and_is_idempotent(raw: str) -> None:
    text = to_markdown(raw)
    assert [c for c in text if c.isalnum()] == [c for c in raw if c.isalnum()]
    assert to_markdown(text) == text
