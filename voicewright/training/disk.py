"""Whether the disk holds what a run will write, asked before the first byte."""

from __future__ import annotations

from voicewright.core.errors import UserError
from voicewright.core.paths import Run, free_gb, home
from voicewright.core.units import GB
from voicewright.recipe.schema import Recipe
from voicewright.training import base_model, memory


def needed_gb(recipe: Recipe) -> dict[str, float]:
    """GB still to be written, by part; what a stopped run has written already is there."""
    parts = memory.disk(recipe, is_downloaded=base_model.is_on_disk(recipe))
    written = sum(path.stat().st_size for path in Run(recipe.run).adapter_dir.glob("checkpoint-*/*")) / GB
    return parts | {"checkpoints": max(0.0, parts["checkpoints"] - written)}


def check(recipe: Recipe) -> None:
    """Raise UserError if the disk is too small for this run, with the parts of what it needs."""
    parts = needed_gb(recipe)
    free, needed = free_gb(), sum(parts.values())
    if needed > free:
        raise UserError(
            [
                f"{home()}: {free:.1f} GB free, and this run will write {needed:.1f} GB:",
                *(f"  {name}: {size:.1f} GB" for name, size in parts.items() if size >= 0.05),
            ],
            hint=f"free {needed - free:.0f} GB, keep fewer checkpoints (axolotl.save_total_limit=2), or "
            "VOICEWRIGHT_HOME=<a larger disk>",
        )
