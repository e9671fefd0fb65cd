"""Shapes are found by being in their folder, and the recipe's schema knows them."""

from __future__ import annotations

from voicewright.data.shapes import base
from voicewright.recipe.schema import shapes


def test_the_schema_knows_every_registered_shape() -> None:
    assert sorted(shapes()) == sorted(base.builders())
    assert shapes()["modes"] == "completion" and shapes()["qa"] == "chat" and shapes()["preference"] == "preference"
