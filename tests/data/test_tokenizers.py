"""Counts are the model's own; the fast count is used only where it is the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from voicewright.core.errors import UserError
from voicewright.core.paths import REPO_DIR
from voicewright.data import tokenizers

TINY = REPO_DIR / "models" / "tiny-base"
COUNTER = tokenizers.load(str(TINY))
ENCODING = tokenizers.load_fast(TINY / "tokenizer.json")


@given(st.lists(st.text(max_size=60), max_size=8))
def test_tiktoken_counts_as_the_models_own_tokenizer(texts: list[str]) -> None:
    assert ENCODING is not None
    spelt = [text for text in texts if "<|" not in text]
    assert tokenizers.fast_count(ENCODING, spelt) == COUNTER.count(spelt)


def test_a_tokenizer_that_is_not_byte_level_is_left_to_itself(tmp_path: Path) -> None:
    described = json.loads((TINY / "tokenizer.json").read_text())
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(described | {"pre_tokenizer": {"type": "Metaspace"}}))
    assert tokenizers.load_fast(path) is None
    path.write_text(json.dumps(described | {"normalizer": {"type": "NFC"}}))
    assert tokenizers.load_fast(path) is None


def test_where_the_fast_count_differs_the_exact_one_is_used() -> None:
    other = tokenizers.load_fast(TINY / "tokenizer.json")
    assert other is not None
    wrong = tiktoken.Encoding("x", pat_str=r"\S+|\s+", mergeable_ranks=other._mergeable_ranks, special_tokens={})
    texts = ["You mind the nineteenth.", "It's loose, he said."] * 30
    assert replace(COUNTER, fast=wrong).estimate(texts) == COUNTER.count(texts)


def test_special_tokens_leave_room_for_what_training_adds() -> None:
    assert COUNTER.added_tokens >= 1
    assert COUNTER.eos == "<|endoftext|>" and "<|im_end|>" in COUNTER.control_tokens


def test_tokens_that_the_recipe_adds_are_counted_as_one() -> None:
    more = {"special_tokens": {"eos_token": "<|over|>"}, "tokens": ["rungrung"]}
    counter = tokenizers.load(str(TINY), more)
    assert counter.count(["rungrung<|over|>"]) == [2] and COUNTER.count(["rungrung<|over|>"])[0] > 2
    assert counter.eos == "<|over|>" and "<|over|>" in counter.control_tokens


def test_a_base_model_that_is_nowhere_is_one_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=r"axolotl.base_model 'no/such-model-here' is neither a folder nor"):
        tokenizers.load("no/such-model-here")


def test_a_folder_without_a_tokenizer_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no tokenizer.json there"):
        tokenizers.load(str(tmp_path))
