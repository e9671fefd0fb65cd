"""The data card: what the data is, where it came from and what the checks found, for a reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from voicewright.core.documents.stats import CurationReport, DataChecks, Stats, SyntheticStats
from voicewright.recipe.schema import Recipe

MAX_EXCEPTIONS = 20


def write(recipe: Recipe, stats: Stats) -> str:
    """Markdown of data_card.md."""
    checks, bounds, tokens = stats.checks, stats.checks.bounds, stats.checks.tokens
    parts = [
        f"# Data of {recipe.recipe} (run {recipe.run})",
        f"Prepared for {recipe.axolotl['base_model']}; tokens are that model's. "
        f"Rows train as {stats.format.shape}, prompt {stats.format.prompt}. "
        f"Split by whole {checks.split_by}, seed {recipe.data.seed}.",
        "## Sources",
        _table(
            ["source", "path", "shape", "weight", "files", "rows", "training rows"],
            [
                [name, source.path, source.shape, source.weight, source.files, source.rows, source.training_rows]
                for name, source in checks.sources.items()
            ],
        ),
        "## Splits",
        _table(
            ["split", "rows", "words", "tokens", "chapters", "works"],
            [
                [name, split.rows, split.words, split.tokens, split.chapters, split.works]
                for name, split in stats.splits.items()
            ],
        ),
        "The held-out split is never trained on; the benchmarks measure against it.",
        _synthetic(stats.synthetic),
        "A row's `source` names the writer's file (with its page, or the line of an export). Where it ends in two "
        "numbers with a hyphen, they count characters of the cleaned text, which the row's `cleaned` names.",
        "## Length",
        f"{bounds.min_tokens} to {bounds.max_tokens} tokens a row asked for; "
        f"{tokens.shortest or 0} to {tokens.longest or 0} found, {tokens.mean or 0} on average. "
        f"Exceptions: {bounds.exceptions_in_all}.",
        _list(f"{row.source}: {row.tokens} tokens, {row.reason}" for row in bounds.exceptions[:MAX_EXCEPTIONS]),
        "## Left out",
        _list(
            f"{reason}: {count.times} time(s), {count.words:,} words"
            for reason, count in stats.dropped_by_reason.items()
        )
        or "Nothing.",
        "## Checks",
        _list(_findings(checks)),
    ]
    if checks.curation is not None:
        parts += ["## The manuscript", _list(_curation(checks.curation))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _synthetic(synthetic: SyntheticStats | None) -> str:
    if synthetic is None:
        return ""
    return (
        f"Beside the split train: {synthetic.rows} synthetic rows, {synthetic.words:,} words that {synthetic.by} wrote "
        "after the author's. They are in no split, and no measure takes them for the author's."
    )


def _findings(checks: DataChecks) -> list[str]:
    duplicates, health = checks.duplicates, checks.health
    findings = [
        f"exact duplicates: {len(duplicates.exact)}; near duplicates: {len(duplicates.near)}",
        f"held-out rows that stand in part in the training rows: {len(duplicates.leaks_heldout)}; "
        f"validation rows: {len(duplicates.leaks_val)}",
        f"language: {health.language or 'too little text to tell'}",
    ]
    findings += [f"{name.replace('_', ' ')}: {count} row(s)" for name, count in health.counts.items() if count]
    findings += [f"{kind}: {count}" for kind, count in checks.personal.counts.items() if count]
    findings += [
        f"questions on {name}: {source.covered} of {source.passages} passages, {source.tokens_in:,} tokens in, "
        f"{source.tokens_out:,} out, cost {source.cost:g}"
        for name, source in (checks.qa or {}).items()
    ]
    findings += [
        f"{metric.name}: {metric.value} ({metric.status}; {metric.target}){': ' + metric.fix if metric.fix else ''}"
        for metric in checks.modes or []
    ]
    return findings


def _curation(report: CurationReport) -> list[str]:
    kinds = ", ".join(f"{kind} {share:.0%}" for kind, share in report.kinds.items())
    return [
        f"{report.passages} passages, {report.words:,} words, {report.shortest_words} to {report.longest_words} each",
        f"of 900 to 2,100 words: {report.share_900_to_2100_words:.0%}",
        f"ending with a scene or chapter: {report.share_ending_with_scene:.0%}; at least with a paragraph: "
        f"{report.share_ending_with_paragraph:.0%}",
        f"kinds of passage: {kinds}",
        f"in the second person: {report.share_second_person:.0%} of passages",
        f"dialogue: {report.dialogue_share:.0%} of words; italics: {report.italics_per_1000} per 1,000 words",
        f"sentences: {report.sentence_words.mean} words on average, SD {report.sentence_words.sd}",
        f"distinctive words: {', '.join(report.distinctive_words[:15])}",
        *(
            f"unlike the others: {outlier.section or outlier.work} ({outlier.feature} {outlier.value}, usually "
            f"{outlier.usual})"
            for outlier in report.outlier_chapters
        ),
    ]


def _table(head: list[str], rows: Iterable[Sequence[str | int | float]]) -> str:
    lines: list[Sequence[str | int | float]] = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in line) + " |" for line in lines
    )


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
