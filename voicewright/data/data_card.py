"""The data card: what the data is, where it came from and what was found wrong with it, for a reader."""

from __future__ import annotations

from typing import Any

from voicewright.recipe.schema import Recipe


def write(recipe: Recipe, stats: dict[str, Any]) -> str:
    """Markdown of data_card.md."""
    checks = stats["checks"]
    parts = [
        f"# Data of {recipe.recipe} (run {recipe.run})",
        f"Prepared for {recipe.axolotl['base_model']}; tokens are that model's. "
        f"Rows train as {stats['format']['shape']}, prompt {stats['format']['prompt']}. "
        f"Split by whole {checks['split_by']}, seed {recipe.data.seed}.",
        "## Sources",
        _table(
            ["source", "path", "shape", "weight", "files", "rows", "training rows"],
            [[name, *source.values()] for name, source in checks["sources"].items()],
        ),
        "## Splits",
        _table(
            ["split", "rows", "words", "tokens", "chapters", "works"],
            [[name, *split.values()] for name, split in stats["splits"].items()],
        ),
        "The held-out split is never trained on; the benchmarks measure against it.",
        _synthetic(stats.get("synthetic")),
        "A row's `source` names the writer's file (with its page, or the line of an export). Where it ends in two "
        "numbers with a hyphen, they count characters of the cleaned text, which the row's `cleaned` names.",
        "## Length",
        f"{checks['bounds']['min_tokens']} to {checks['bounds']['max_tokens']} tokens a row asked for; "
        f"{checks['tokens'].get('shortest', 0)} to {checks['tokens'].get('longest', 0)} found, "
        f"{checks['tokens'].get('mean', 0)} on average. Exceptions: {checks['bounds']['exceptions_in_all']}.",
        _list(f"{e['source']}: {e['tokens']} tokens, {e['reason']}" for e in checks["bounds"]["exceptions"][:20]),
        "## Left out",
        _list(
            f"{reason}: {n['times']} time(s), {n['words']:,} words" for reason, n in stats["dropped_by_reason"].items()
        )
        or "Nothing.",
        "## Checks",
        _list(_findings(checks)),
    ]
    if "curation" in checks:
        parts += ["## The manuscript", _list(_curation(checks["curation"]))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _synthetic(made: dict[str, Any] | None) -> str:
    if made is None:
        return ""
    return (
        f"Beside the split train: {made['rows']} synthetic rows, {made['words']:,} words that {made['by']} wrote after "
        "the author's. They are in no split, and no measure takes them for the author's."
    )


def _findings(checks: dict[str, Any]) -> list[str]:
    duplicates, health = checks["duplicates"], checks["health"]
    found = [
        f"exact duplicates: {len(duplicates['exact'])}; near duplicates: {len(duplicates['near'])}",
        f"held-out rows that stand in part in the training rows: {len(duplicates['leaks_heldout'])}; "
        f"validation rows: {len(duplicates['leaks_val'])}",
        f"language: {health['language'] or 'too little text to tell'}",
    ]
    found += [f"{name.replace('_', ' ')}: {count} row(s)" for name, count in health["counts"].items() if count]
    found += [f"{kind}: {count}" for kind, count in checks["personal"]["counts"].items() if count]
    found += [
        f"questions on {name}: {each['covered']} of {each['passages']} passages, {each['tokens_in']:,} tokens in, "
        f"{each['tokens_out']:,} out, cost {each['cost']:g}"
        for name, each in checks.get("qa", {}).items()
    ]
    found += [
        f"{m['name']}: {m['value']} ({m['status']}; {m['target']}){': ' + m['fix'] if m['fix'] else ''}"
        for m in checks.get("modes", [])
    ]
    return found


def _curation(report: dict[str, Any]) -> list[str]:
    kinds = ", ".join(f"{kind} {share:.0%}" for kind, share in report["kinds"].items())
    return [
        f"{report['passages']} passages, {report['words']:,} words, "
        f"{report['shortest_words']} to {report['longest_words']} each",
        f"of 900 to 2,100 words: {report['share_900_to_2100_words']:.0%}",
        f"ending with a scene or chapter: {report['share_ending_with_scene']:.0%}; at least with a paragraph: "
        f"{report['share_ending_with_paragraph']:.0%}",
        f"kinds of passage: {kinds}",
        f"in the second person: {report['share_second_person']:.0%} of passages",
        f"dialogue: {report['dialogue_share']:.0%} of words; italics: {report['italics_per_1000']} per 1,000 words",
        f"sentences: {report['sentence_words']['mean']} words on average, SD {report['sentence_words']['sd']}",
        f"distinctive words: {', '.join(report['distinctive_words'][:15])}",
        *(
            f"unlike the others: {o['section'] or o['work']} ({o['feature']} {o['value']}, usually {o['usual']})"
            for o in report["outlier_chapters"]
        ),
    ]


def _table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in line) + " |" for line in lines
    )


def _list(items: Any) -> str:
    return "\n".join(f"- {item}" for item in items)
