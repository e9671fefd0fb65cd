"""Axolotl's own validation of a rendered YAML, cached by its content: importing Axolotl takes six seconds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from pydantic import JsonValue

from voicewright.core import environments
from voicewright.core.errors import UserError
from voicewright.recipe.schema import Hardware
from voicewright.training import axolotl_scripts


def validate(text: str, hardware: Hardware) -> None:
    """Raise UserError with Axolotl's reasons if its pinned version refuses the YAML on this hardware."""
    parts = [text, json.dumps(_capabilities(hardware)), environments.requirements_path("train").read_text()]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    accepted_path = environments.env_dir("train") / "validated" / digest
    if accepted_path.exists():
        return
    if reasons := refusals([(text, hardware)])[0]:
        raise UserError([f"Axolotl refuses this recipe: {reason}" for reason in reasons])
    accepted_path.parent.mkdir(exist_ok=True)
    accepted_path.touch()


def refusals(configs: Sequence[tuple[str, Hardware]]) -> list[list[str]]:
    """Why Axolotl refuses each YAML on its machine, in one process; [] for those that it accepts."""
    request: list[JsonValue] = [{"text": text, **_capabilities(hardware)} for text, hardware in configs]
    answer: list[list[str]] = axolotl_scripts.run_script(
        "validate.py", {"configs": request}, task="Axolotl's validation"
    )
    return answer


def _capabilities(hardware: Hardware) -> dict[str, JsonValue]:
    cuda = hardware.accelerator == "cuda"
    return {
        "compute_capability": "sm_89" if cuda else "",
        "devices": hardware.devices if cuda else 0,
        "nodes": hardware.nodes,
        "bf16": cuda,
    }
