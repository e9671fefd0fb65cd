"""What prepare prints on the terminal."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console
from rich.table import Table

from voicewright.core.documents.stats import DataChecks, ModeMetric, Stats, TrainingEstimate

BLOCKS = " ▁▂▃▄▅▆▇█"
COLOURS = {"green": "green", "amber": "yellow", "red": "red"}
console = Console()


def print_progress(message: str) -> None:
    """One line of progress."""
    console.print(f"[dim]{message}[/dim]", highlight=False)


def print_stats(stats: Stats, data_dir: Path) -> None:
    """Print the splits, the checks with a finding, and the folder of the rows."""
    table = Table(title="Training data")
    for column in ("split", "rows", "words", "tokens", "chapters"):
        table.add_column(column, justify="left" if column == "split" else "right")
    for name, split in stats.splits.items():
        table.add_row(name, *(f"{count:,}" for count in (split.rows, split.words, split.tokens, split.chapters)))
    if synthetic := stats.synthetic:
        counts = (synthetic.rows, synthetic.words, synthetic.tokens)
        table.add_row("synthetic", *(f"{count:,}" for count in counts), "")
    console.print(table)
    console.print(_lengths(stats.checks), highlight=False)
    console.print(_steps(stats.checks.training), highlight=False)
    findings = Table(title="Checks", show_header=False)
    for name, value in _findings(stats):
        findings.add_row(name, value)
    console.print(findings)
    if stats.checks.modes is not None:
        console.print(_modes(stats.checks.modes))
    console.print(f"rows, stats.json and data_card.md: {os.path.relpath(data_dir)}", highlight=False)


def _lengths(checks: DataChecks) -> str:
    tokens, bounds = checks.tokens, checks.bounds
    top = max(tokens.counts, default=1) or 1
    bars = "".join(BLOCKS[-(-8 * count // top)] for count in tokens.counts)
    return (
        f"{tokens.shortest} {bars} {tokens.longest} tokens a row, {bounds.min_tokens} to {bounds.max_tokens} allowed, "
        f"{bounds.exceptions_in_all} exception(s); split by whole {checks.split_by}"
    )


def _steps(training: TrainingEstimate) -> str:
    packing = f"{training.rows_a_pack} rows a pack, {training.pack_fill:.0%} full" if training.packing else "no packing"
    return f"{training.steps} steps of {training.batch} ({training.steps_an_epoch} an epoch, {packing})"


def _findings(stats: Stats) -> list[tuple[str, str]]:
    checks = stats.checks
    findings = [("dropped", f"{count.times} x {reason}") for reason, count in stats.dropped_by_reason.items()]
    findings += [
        ("exact duplicates", str(len(checks.duplicates.exact))),
        ("near duplicates", str(len(checks.duplicates.near))),
        ("leaks val", str(len(checks.duplicates.leaks_val))),
        ("leaks heldout", str(len(checks.duplicates.leaks_heldout))),
    ]
    findings += [(name.replace("_", " "), str(count)) for name, count in checks.health.counts.items() if count]
    findings += [(kind, f"{count} found") for kind, count in checks.personal.counts.items() if count]
    if report := checks.curation:
        kinds = ", ".join(f"{kind} {share:.0%}" for kind, share in report.kinds.items())
        findings += [
            ("kinds of passage", kinds),
            ("second person", f"{report.share_second_person:.0%} of passages"),
            ("not cut inside a scene", f"{report.share_ending_with_scene:.0%} of passages"),
            ("dialogue", f"{report.dialogue_share:.0%} of words"),
            ("distinctive words", ", ".join(report.distinctive_words[:10])),
        ]
    return findings


def _modes(metrics: list[ModeMetric]) -> Table:
    table = Table(title="Modes")
    for column in ("metric", "value", "target", "fix"):
        table.add_column(column)
    for metric in metrics:
        colour = COLOURS[metric.status]
        table.add_row(metric.name, f"[{colour}]{metric.value:g}[/{colour}]", metric.target, metric.fix or "")
    return table
