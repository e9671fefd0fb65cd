"""Records of running servers, and what an adapter's folder says of it."""

from __future__ import annotations

from typing import Any

from voicewright.core.documents.base import Document

VllmArguments = dict[str, Any]
"""vLLM's arguments, in its own key names."""


class ServerRecord(Document):
    """`children/serve-<arm>.json` in a run's folder, or `runs/.servers/<port>.json`: a server that was started.

    The fields of the process (pid, create_time, token, command, log) are those of `core.processes`.
    """

    pid: int | None = None
    """None until the process has been started."""
    create_time: float | None = None
    token: str
    command: list[str]
    log: str
    name: str
    """The name that clients ask for."""
    model: str = ""
    """A folder, or a name at the hub."""
    model_hash: str = ""
    port: int
    arguments: VllmArguments = {}
    """vLLM's, in its own key names."""
    keep: bool = False
    """Whether it stays until it is stopped by a command; otherwise it goes with the last of its users."""
    users: list[tuple[int, float]] = []
    """Processes that use it: pid and time of creation."""
    adapters: dict[str, str] = {}
    """Fingerprints of the adapters that are loaded, by name."""


class AdapterConfig(Document):
    """PEFT's adapter_config.json, as far as it is read."""

    r: int
    """The rank."""
    target_modules: list[str] | str | None = None
    """Names of the modules that it changes, or a pattern for them."""
