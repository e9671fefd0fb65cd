"""Shapes are found by being in their folder, and the recipe's schema knows them."""

from __future__ import annotations

from voicewright.data.shapes.base import registered_shapes
from voicewright.recipe.schema import shapes


def test_the_schema_finds_every_registered_shape_and_its_rows() -> None:
    assert shapes() == {name: shape.rows for name, shape in registered_shapes().items()}
    assert shapes()["modes"] == "completion" and shapes()["qa"] == "chat" and shapes()["preference"] == "preference"
