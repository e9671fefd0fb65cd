"""The runs of a sweep."""

from __future__ import annotations

from voicewright.pipeline import sweep


def test_a_sweep_is_every_combination_in_order() -> None:
    assert sweep.combinations(["model=a,b", "axolotl.lora_r=8,16", "hardware=cpu"]) == [
        ["model=a", "axolotl.lora_r=8", "hardware=cpu"],
        ["model=a", "axolotl.lora_r=16", "hardware=cpu"],
        ["model=b", "axolotl.lora_r=8", "hardware=cpu"],
        ["model=b", "axolotl.lora_r=16", "hardware=cpu"],
    ]
    assert sweep.combinations(["axolotl.lora_target_modules=[q_proj,k_proj]"]) == [
        ["axolotl.lora_target_modules=[q_proj,k_proj]"]
    ]
