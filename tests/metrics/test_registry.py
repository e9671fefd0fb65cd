"""Measures are found by being in the package, and described by their decorator and docstring."""

from __future__ import annotations

import pytest

from voicewright.metrics import registry
from voicewright.metrics.registry import RegisteredMeasure
from voicewright.stylometry.passages import Passage


def test_every_measure_says_what_it_is_and_the_measures_with_targets_come_first() -> None:
    measures = registry.measures()
    assert list(measures)[:5] == ["transfer", "vocabulary", "structure", "markers", "pov"]
    assert {"commas", "own_terms", "bits_per_character", "empty", "copying"} <= set(measures)
    for measure in measures.values():
        assert measure.title and measure.definition.endswith("."), measure.name


def test_a_name_is_registered_by_one_function_which_has_a_docstring(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: dict[str, RegisteredMeasure] = {}
    monkeypatch.setattr(registry, "_REGISTERED", registered)

    def rate(passage: Passage) -> float:
        """Characters."""
        return float(len(passage.plain))

    def other(passage: Passage) -> float:
        return float(len(passage.normal))

    register = registry.measure(name="size", title="Size", unit="characters", better="author")
    # A module may be imported again.
    assert register(rate) is register(rate) is rate
    assert registered["size"].definition == "Characters."
    with pytest.raises(ValueError, match="needs a docstring"):
        register(other)
    other.__doc__ = "Characters and marks."
    with pytest.raises(ValueError, match=r"other: measure 'size' is registered by .*rate"):
        register(other)
