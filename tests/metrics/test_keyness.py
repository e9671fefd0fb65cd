"""Words that set one body of text apart from another."""

from __future__ import annotations

from tests.prose import prose
from voicewright.metrics import keyness


def test_keyness_finds_what_is_said_too_often_and_too_seldom() -> None:
    over, under = keyness.key_terms([prose(800, 1) + " Behold! " * 20], [prose(800, 2) + " Lantern." * 15])
    assert over[0].term == "behold" and under[0].term == "lantern" and over[0].score > 0 > under[0].score
