"""Reading a text: what counts as a word, a sentence, speech, italics."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicewright.core import text as reading
from voicewright.data.chunking import Chunk, chunk
from voicewright.data.cleaned_text import Section
from voicewright.generation.prompts import sentence_starts
from voicewright.stylometry import passages

PIECES = ["a", "bb", "don't", "Éa.", "'x'", '"no"', "—", "12", "*i*", "\n\n"]


def test_quotes_dashes_and_ellipses_have_one_spelling() -> None:
    assert reading.normal("“Don’t…” he said -- or – not") == '"Don\'t..." he said—or — not'


def test_a_contraction_is_one_word_and_a_number_is_none() -> None:
    assert reading.words(reading.plain("Don't take 3 of the grandam's *stones*.")) == [
        "don't",
        "take",
        "of",
        "the",
        "grandam's",
        "stones",
    ]


def test_emphasis_marks_go_and_their_words_stay() -> None:
    assert reading.plain("He _really_ saw **it**, *all of it*. 2 * 3 * 4 snake_case_name") == (
        "He really saw it, all of it. 2 * 3 * 4 snake_case_name"
    )


def test_italics_are_the_emphasised_spans_only() -> None:
    text = reading.normal("*Not now*, you think. 2 * 3 * 4. _Never._ **Bold.**")
    assert reading.italics(text) == ["Not now", "Never."]


SENTENCES = [
    ["Mr. Bell met Dr. J. Ames at ten.", "He left."],
    ["Capt. Marsh and Mme. Duval were late.", "They waited."],
    ["She lives at No. 5 on the quay.", "See vol. II for the rest."],
    ['"No.', 'Not tonight," she said.'],
    ["He asked for fruit, e.g. Pears, and wine.", "J. R. Harlow paid."],
    ["It was I.", "Nobody else came."],
    ["He waits...", "Then he goes."],
    ["It went on ... and on.", "It stopped…", "It began again."],
    ['"Wait!"', "She waited."],
    ['"Why?" he said.', "“Because.”", "*Not now.*", "Élise left."],
    ["What?!", "He laughed (too loudly.)", "'Tis done."],
    ['He said, "Read it."', '"\'Tis true," she read.'],
    ["It cost 3.50 a head.", "12 came."],
    ["One line.\n\nand a paragraph that begins small."],
]


@pytest.mark.parametrize("parts", SENTENCES, ids=lambda parts: parts[0])
def test_sentences_end_where_a_reader_ends_them(parts: list[str]) -> None:
    parts = [part for text in parts for part in text.split("\n\n")] if len(parts) == 1 else parts
    separator = "\n\n" if parts[-1][0].islower() else " "
    text = separator.join(parts)
    assert reading.sentences(text) == parts
    assert [text[a:b].strip() for a, b in reading.sentence_spans(text)] == parts
    assert len(reading.sentence_ends(text)) == len(parts)


@pytest.mark.parametrize("abbreviation", ["Mr.", "Capt.", "No. 5, of", "Mme.", "Lt.", "Prof."])
def test_every_stage_reads_an_abbreviation_alike(abbreviation: str) -> None:
    sentence = f"They had sent for {abbreviation} Dunmore and his two sons, who came at once by the lower road."
    text = f"{sentence} {sentence}"
    assert reading.sentences(text) == [sentence, sentence]
    assert reading.opening(text, 20) == sentence  # pairs are trimmed so
    assert sentence_starts(text) == {0, len(sentence) + 1}  # openings begin so
    spans = [(chunk.start, chunk.end) for chunk in passages_of(text, high=20)]
    assert spans == [(0, len(sentence)), (len(sentence), len(text))]  # passages are cut so


def passages_of(text: str, high: int) -> list[Chunk]:
    (chunks,) = chunk(text, [Section("", 0, len(text))], lambda texts: [len(t.split()) for t in texts], 10, high)
    return chunks


@given(st.lists(st.sampled_from([*" .!?…\n\"'”*_(AaÉé1—", "No.", "Mr.", "I.", "\n\n"]), max_size=80))
def test_sentence_spans_tile_a_text(parts: list[str]) -> None:
    text = "".join(parts)
    assert "".join(text[a:b] for a, b in reading.sentence_spans(text)) == text


def test_speech_is_left_out_of_the_narration_even_over_open_quotes() -> None:
    spoken = 'You wait. "I will," he says, "and you won\'t." You go.'
    text = reading.normal(f'{spoken}\n\n"It runs on\n\n"and ends." You stop.')
    assert reading.words(reading.narration(text)) == ["you", "wait", "he", "says", "you", "go", "you", "stop"]


def test_single_quotes_are_speech_only_where_a_text_uses_them_so() -> None:
    british = reading.normal(
        "‘You’re late,’ said Tom. ‘I know,’ she said. ‘So it goes,’ he said. ‘Well,’ said Ann. ‘No,’ said Tom."
    )
    assert "late" not in reading.narration(british)
    assert "nobody's" in reading.narration("It was nobody's fault, 'twas the dogs' day.")


def test_a_block_that_begins_inside_speech_still_knows_that_it_is_speech() -> None:
    speech = '"' + "I said it once " * 40 + '." ' + "You listen to him now. " * 40
    first, second = passages.cut(speech, 100)[:2]
    assert reading.words(first.narration) == []
    assert "said" not in reading.words(second.narration)[61:]
    assert "listen" in reading.words(second.narration)


def test_paragraphs_are_found_with_and_without_blank_lines() -> None:
    assert len(reading.paragraphs("One.\n\nTwo.\n \nThree.")) == 3
    assert len(reading.paragraphs("\n".join(["A long line of prose " * 8] * 4))) == 4
    assert len(reading.paragraphs("hard wrapped\nlines are\none paragraph\nall of it")) == 1


@given(st.lists(st.sampled_from(PIECES), max_size=120), st.integers(1, 30))
def test_blocks_hold_exactly_their_words_and_lose_only_the_rest(parts: list[str], size: int) -> None:
    text = " ".join(parts)
    cut = list(reading.blocks(text, size))
    words = reading.WORD.findall(text)
    assert [word for block in cut for word in reading.WORD.findall(block)] == words[: len(words) // size * size]


@given(st.text(max_size=300))
def test_no_text_breaks_the_reading(text: str) -> None:
    normal = reading.normal(text)
    assert len(reading.words(reading.narration(normal))) <= len(normal)
    assert all(reading.WORD.search(s) for p in reading.paragraphs(normal) for s in reading.sentences(p))
