"""An Axolotl plugin for machines without a GPU: keeps 4-bit weights in the layout that training reads.

bitsandbytes 0.50 repacks a 4-bit layer for its AVX512-BF16 kernel on the first forward pass in evaluation mode.
The backward pass then reads the repacked bytes as if they were not, and every gradient below that layer is noise:
after the first evaluation the loss rises instead of falling. Started with Axolotl's Python, imports nothing of ours.
"""

from axolotl.integrations.base import BasePlugin


class CpuPlugin(BasePlugin):
    """Turns the repacking off."""

    def post_model_load(self, cfg, model):
        for module in model.modules():
            if hasattr(module, "support_avx512bf16_for_cpu"):
                module.support_avx512bf16_for_cpu = False
