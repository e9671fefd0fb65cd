"""Splits are drawn by whole units, the same for the same seed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicewright.data.splitting import SPLITS, assign

WORDS = st.dictionaries(st.text(min_size=1, max_size=4), st.integers(1, 5000), min_size=3, max_size=40)


@given(WORDS, st.floats(0.02, 0.4), st.floats(0.02, 0.4), st.integers(0, 99))
def test_every_split_gets_a_unit_and_the_draw_repeats(
    words: dict[str, int], val: float, heldout: float, seed: int
) -> None:
    drawn = assign(words, val, heldout, seed)
    assert set(drawn.values()) == set(SPLITS) and set(drawn) == set(words)
    assert drawn == assign(words, val, heldout, seed)


def test_shares_come_close_to_what_is_asked() -> None:
    words = {f"chapter {n}": 900 + 20 * n for n in range(60)}
    drawn = assign(words, 0.1, 0.1, 20)
    for name in ("val", "heldout"):
        share = sum(n for unit, n in words.items() if drawn[unit] == name) / sum(words.values())
        assert 0.07 < share < 0.13
