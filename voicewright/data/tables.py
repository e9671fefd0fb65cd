"""What prepare shows on the terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

BLOCKS = " ▁▂▃▄▅▆▇█"
COLOURS = {"green": "green", "amber": "yellow", "red": "red"}
console = Console()


def tell(message: str) -> None:
    """One line of progress."""
    console.print(f"[dim]{message}[/dim]", highlight=False)


def show(stats: dict[str, Any], data_dir: Path) -> None:
    """Print the splits, the checks that found something, and where the rows lie."""
    table = Table(title="Training data")
    for column in ("split", "rows", "words", "tokens", "chapters"):
        table.add_column(column, justify="left" if column == "split" else "right")
    for name, split in stats["splits"].items():
        table.add_row(name, *(f"{split[column]:,}" for column in ("rows", "words", "tokens", "chapters")))
    if made := stats.get("synthetic"):
        table.add_row("synthetic", *(f"{made[column]:,}" for column in ("rows", "words", "tokens")), "")
    console.print(table)
    checks = stats["checks"]
    console.print(_length(checks), highlight=False)
    console.print(_steps(checks["training"]), highlight=False)
    findings = Table(title="Checks", show_header=False)
    for name, value in _findings(stats):
        findings.add_row(name, value)
    console.print(findings)
    if "modes" in checks:
        console.print(modes(checks["modes"]))
    console.print(f"rows, stats.json and data_card.md: {os.path.relpath(data_dir)}", highlight=False)


def _length(checks: dict[str, Any]) -> str:
    counts, bounds = checks["tokens"]["counts"], checks["bounds"]
    top = max(counts, default=1) or 1
    bars = "".join(BLOCKS[-(-8 * count // top)] for count in counts)
    return (
        f"{checks['tokens']['shortest']} {bars} {checks['tokens']['longest']} tokens a row, "
        f"{bounds['min_tokens']} to {bounds['max_tokens']} asked for, {bounds['exceptions_in_all']} exception(s); "
        f"split by whole {checks['split_by']}"
    )


def _steps(training: dict[str, Any]) -> str:
    packing = (
        f"{training['rows_a_pack']} rows a pack, {training['pack_fill']:.0%} full"
        if training["packing"]
        else "no packing"
    )
    return f"{training['steps']} steps of {training['batch']} ({training['steps_an_epoch']} an epoch, {packing})"


def _findings(stats: dict[str, Any]) -> list[tuple[str, str]]:
    checks = stats["checks"]
    duplicates = {name: len(found) for name, found in checks["duplicates"].items()}
    found = [("dropped", f"{n['times']} x {reason}") for reason, n in stats["dropped_by_reason"].items()]
    found += [
        (name.replace("_", " ") if "leak" in name else f"{name} duplicates", str(n)) for name, n in duplicates.items()
    ]
    found += [(name.replace("_", " "), str(n)) for name, n in checks["health"]["counts"].items() if n]
    found += [(kind, f"{n} found") for kind, n in checks["personal"]["counts"].items() if n]
    if "curation" in checks:
        report = checks["curation"]
        kinds = ", ".join(f"{kind} {share:.0%}" for kind, share in report["kinds"].items())
        found += [
            ("kinds of passage", kinds),
            ("second person", f"{report['share_second_person']:.0%} of passages"),
            ("not cut inside a scene", f"{report['share_ending_with_scene']:.0%} of passages"),
            ("dialogue", f"{report['dialogue_share']:.0%} of words"),
            ("distinctive words", ", ".join(report["distinctive_words"][:10])),
        ]
    return found


def modes(metrics: list[dict[str, Any]]) -> Table:
    """The table of mode metrics, each with its fix."""
    table = Table(title="Modes")
    for column in ("metric", "value", "target", "fix"):
        table.add_column(column)
    for metric in metrics:
        colour = COLOURS[metric["status"]]
        table.add_row(
            metric["name"], f"[{colour}]{metric['value']:g}[/{colour}]", metric["target"], metric["fix"] or ""
        )
    return table
