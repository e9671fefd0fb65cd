from __future__ import annotations

import random
import secrets
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from voicewright.core.documents.generation import Generation
from voicewright.core.documents.judging import Pair, PairKey
from voicewright.core.rows import Message, TrainingRow
from voicewright.judging.packet import build_packet, render_packet
from voicewright.judging.pairs import Pairing, author_arm, make_pairs
from voicewright.stats.intervals import wilson

WORDS = ["stone", "river", "you", "walk", "the", "of", "and", "light", "door", "hand", "voice", "salt", "never"]


def prose(seed: str, sentences: int = 12) -> str:
    draw = random.Random(seed)
    return " ".join(" ".join(draw.choices(WORDS, k=draw.randint(5, 14))).capitalize() + "." for _ in range(sentences))


def generation(arm: str, n: int, **more: Any) -> Generation:
    fields: dict[str, Any] = {
        "id": f"{arm}{n}",
        "arm": arm,
        "prompt_id": f"p{n}",
        "domain": "heldout" if n % 3 == 0 else "narrative",
        "sample": 0,
        "prompt": prose(f"prompt{n}", 2),
        "text": prose(f"{arm}{n}"),
        "error": None,
        **more,
    }
    return Generation(**fields)


def heldout(n: int) -> list[TrainingRow]:
    return [
        TrainingRow(id=str(i), source=f"m.md:{i}", tokens=200, section=f"chapter {i // 2}", text=prose(f"h{i}", 20))
        for i in range(n)
    ]


def make(
    arms: dict[str, list[Generation]], earlier_key: list[PairKey] | None = None, rows: list[TrainingRow] | None = None
) -> Pairing:
    versus = [("finetuned", arm) for arm in arms if arm != "finetuned"]
    return make_pairs(arms, versus, rows or heldout(8), earlier_key or [], max_words=80, references=2, seed=1)


def two_arms(n: int) -> dict[str, list[Generation]]:
    return {arm: [generation(arm, i) for i in range(n)] for arm in ("finetuned", "baseline")}


def test_pairs_hold_no_identity_and_the_key_is_committed() -> None:
    pairs = make(two_arms(12)).pairs
    assert len(pairs) == 12
    fields = {"id", "prompt_id", "domain", "prompt", "x", "y", "references", "key_sha256"}
    assert all(set(pair.to_json()) == fields for pair in pairs)
    assert "finetuned" not in str(pairs) and "baseline" not in str(pairs)
    assert len({pair.key_sha256 for pair in pairs}) == 1


def test_made_again_unchanged_pairs_keep_their_ids_and_sides_and_changed_ones_do_not() -> None:
    arms = two_arms(10)
    pairing = make(arms)
    arms["finetuned"][3] = generation("finetuned", 3, text=prose("something else"))
    again = make(arms, pairing.key)
    before = {pair.prompt_id: pair for pair in pairing.pairs}
    for pair in again.pairs:
        same = pair.id == before[pair.prompt_id].id and pair.x == before[pair.prompt_id].x
        assert same == (pair.prompt_id != "p3")


def test_a_model_that_repeats_itself_still_gets_pairs_of_their_own() -> None:
    arms = {arm: [generation(arm, 0), generation(arm, 0, sample=1)] for arm in ("finetuned", "baseline")}
    pairing = make(arms)
    again = make(arms, pairing.key)
    assert len({pair.id for pair in pairing.pairs}) == 2
    assert {pair.id for pair in pairing.pairs} == {pair.id for pair in again.pairs}


def test_no_reference_is_the_pairs_own_source_or_chapter() -> None:
    rows = heldout(8)
    arms = {
        arm: [generation(arm, i, reference_source=f"m.md:{i}") for i in range(8)] for arm in ("finetuned", "baseline")
    }
    for pair in make(arms, rows=rows).pairs:
        own = int(pair.prompt_id[1:])
        near = [rows[i].author_text for i in range(8) if i // 2 == own // 2]
        assert len(pair.references) == 2
        assert not any(text.startswith(reference) for text in near for reference in pair.references)


def test_references_hold_only_what_the_author_wrote() -> None:
    others, own = prose("somebody else", 20), prose("the author", 20)
    turns = [
        Message(role="user", content="A question?"),
        Message(role="assistant", content=others, train=False),
        Message.model_validate({"role": "assistant", "content": others, "tool_calls": [{"function": {"name": "f"}}]}),
        Message(role="assistant", content=own),
    ]
    row = TrainingRow(id="1", source="chat.json:1", tokens=200, messages=turns)
    (pair,) = make(two_arms(1), rows=[row]).pairs
    (reference,) = pair.references
    assert own.startswith(reference)


def test_failed_and_empty_generations_are_left_out_by_name() -> None:
    arms = two_arms(3)
    arms["baseline"][0].error = "timeout"
    arms["finetuned"][1].text = ""
    pairing = make(arms)
    assert len(pairing.pairs) == 1
    assert {pair.why for pair in pairing.left_out} == {
        "baseline failed: timeout",
        "finetuned has fewer than 20 words to show",
    }


def test_any_first_part_of_the_file_is_stratified_by_domain() -> None:
    pairs = make(two_arms(60)).pairs
    share = [sum(pair.domain == "heldout" for pair in pairs[:n]) / n for n in (12, 30, 60)]
    assert share == pytest.approx([1 / 3] * 3, abs=0.09)


def test_the_author_is_an_arm_where_openings_were_held_out() -> None:
    arms = {"finetuned": [generation("finetuned", i, reference=prose(f"true{i}")) for i in range(4)]}
    pairing = make({**arms, "author": author_arm(arms["finetuned"])})
    assert len(pairing.pairs) == 4
    assert {arm for key in pairing.key for arm in key.arms} == {"finetuned", "author"}


def test_nothing_outside_the_two_texts_predicts_the_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    # Entropy from a seed: with the system's, one run in twenty would fall outside its 95% interval.
    draw = random.Random(11)
    monkeypatch.setattr(secrets, "randbits", draw.getrandbits)
    monkeypatch.setattr(secrets, "token_hex", lambda n: f"{draw.getrandbits(8 * n):0{2 * n}x}")
    pairing = make(two_arms(400))
    is_x = {key.id: key.x == "finetuned" for key in pairing.key}
    packet = build_packet(pairing.pairs)
    html = render_packet(packet)
    places = {pair.id: n for n, pair in enumerate(packet.pairs)}
    features = np.array([metadata(pair, n, places[pair.id], html) for n, pair in enumerate(pairing.pairs)])
    truth = np.array([is_x[pair.id] for pair in pairing.pairs])
    # Learned on 200 pairs, tried on 200 others; cross-validation of a coin comes out below one half.
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(features[:200], truth[:200])
    accuracy = wilson(float((model.predict(features[200:]) == truth[200:]).sum()), 200)
    assert accuracy.low is not None and accuracy.high is not None and accuracy.low < 0.5 < accuracy.high
    assert 0.4 < truth.mean() < 0.6


def metadata(pair: Pair, number: int, place: int, html: str) -> list[int]:
    """What one can know of a pair without reading its two texts."""
    digits = [int(digit, 16) for digit in pair.id]
    lengths = [len(pair.prompt), len(pair.domain), *map(len, pair.references)]
    return [*digits, number, number % 2, place, place % 2, html.find(pair.id), *lengths]
