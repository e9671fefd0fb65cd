"""The cards that the driver reports, and those whose memory it does not tell."""

from __future__ import annotations

from types import SimpleNamespace

import pynvml
import pytest

from voicewright.core import gpus


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver with two cards; the second shares the machine's memory and reports none."""

    def memory(index: int) -> SimpleNamespace:
        if index == 1:
            raise pynvml.NVMLError_NotSupported
        return SimpleNamespace(total=143771 * 2**20, free=143000 * 2**20)

    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 2)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetName", lambda index: ["NVIDIA H200", "NVIDIA X"][index])
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", memory)


def test_cards_whose_memory_is_reported_are_listed(driver: None) -> None:
    assert [card.label for card in gpus.cards()] == ["NVIDIA H200, 140 GB"]
    assert gpus.is_present()


def test_a_card_that_reports_no_memory_is_still_a_card(driver: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda _: 1)
    assert gpus.cards() == [] and gpus.is_present()


def test_without_a_driver_there_is_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    def init() -> None:
        raise pynvml.NVMLError_LibraryNotFound

    monkeypatch.setattr(pynvml, "nvmlInit", init)
    assert gpus.cards() == [] and not gpus.is_present()
