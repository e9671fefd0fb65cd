"""The NVIDIA cards of this machine, as its driver reports them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pynvml

from voicewright.core.units import GB


class Card(NamedTuple):
    """One accelerator and its memory in bytes."""

    name: str
    total: int
    free: int

    @property
    def label(self) -> str:
        """Name and memory, for people."""
        return f"{self.name}, {self.total / GB:.0f} GB"


def is_present() -> bool:
    """Whether an NVIDIA driver answers and has a card."""
    with _driver() as answers:
        return answers and pynvml.nvmlDeviceGetCount() > 0


def cards() -> list[Card]:
    """Every card whose driver reports its memory (those that share the machine's do not); none without a driver."""
    with _driver() as answers:
        all_cards = [_card(index) for index in range(pynvml.nvmlDeviceGetCount())] if answers else []
    return [card for card in all_cards if card is not None]


@contextmanager
def _driver() -> Iterator[bool]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def _card(index: int) -> Card | None:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        return Card(str(pynvml.nvmlDeviceGetName(handle)), int(memory.total), int(memory.free))
    except pynvml.NVMLError:
        return None
