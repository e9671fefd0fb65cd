"""What prepare shows on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from voicewright.layout import home


def show(stats: dict[str, Any], data_dir: Path) -> None:
    """Print the splits, the exceptions and where the rows lie."""
    console = Console()
    table = Table(title="Training data")
    for column in ("split", "rows", "words", "tokens", "chapters"):
        table.add_column(column, justify="left" if column == "split" else "right")
    for name, split in stats["splits"].items():
        table.add_row(name, *(f"{split[column]:,}" for column in ("rows", "words", "tokens", "chapters")))
    console.print(table)
    bounds = stats["checks"]["bounds"]
    console.print(
        f"{bounds['min_tokens']} to {bounds['max_tokens']} tokens a passage, "
        f"split by whole {stats['checks']['split_by']}, "
        f"{len(bounds['exceptions'])} exception(s) recorded"
    )
    console.print(f"rows and stats: {data_dir.relative_to(home())}")
