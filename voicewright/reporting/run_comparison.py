"""Runs side by side on one page, from what lies on disk alone: RUN[,RUN...] -> compare.html in the first run.

python -m benchmarks.compare RUN[,RUN...] [out=FILE.html]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from voicewright.cli import arguments
from voicewright.core import labels
from voicewright.core import text as reading
from voicewright.core.documents.generation import Generation
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.core.records import read_json, write_text
from voicewright.core.rows import evenly_spaced
from voicewright.core.text import first_words
from voicewright.metrics import keyness, markers, registry, samples, structure
from voicewright.metrics.keyness import KeyTerm
from voicewright.reporting import comparison_sections, html
from voicewright.reporting.blocks import Sample
from voicewright.stylometry import passages
from voicewright.stylometry.features import Floats

# What is drawn first, and in this order; all other measures follow.
FIRST = ("transfer", "vocabulary", "structure", "markers", "pov", "bits_per_character", "you_per_1000")
CLOUD, PHRASES = 40, 10
# Prompts whose answers stand beside one another, and words of one that is folded.
PROMPTS, TITLE_WORDS = 6, 9


def load(runs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The voice reports of runs. Raises UserError naming every run without one."""
    paths = {name: Run(name).voice_path for name in runs}
    missing = [f"{path}: run {name!r} has no voice report" for name, path in paths.items() if not path.exists()]
    if missing:
        raise UserError(missing, hint="make voice RUN=name for each")
    return {name: read_json(path) for name, path in paths.items()}


def labelled(reports: Mapping[str, Mapping[str, Any]], arm: str, run: str) -> str:
    """An arm's name on the page."""
    return labels.arm(arm) if len(reports) == 1 else f"{run}: {labels.arm(arm)}"


def measures(reports: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every measure of every arm, the ones with targets first, with the author's level and band."""
    known = list(dict.fromkeys(name for report in reports.values() for name in report["measures"]))
    found = []
    for name in sorted(known, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST)):
        shown = next(report["measures"][name] for report in reports.values() if name in report["measures"])
        rows = [
            (labelled(reports, arm, run), by_arm[arm])
            for run, report in reports.items()
            for by_arm in [report["measures"].get(name, {"arms": {}})["arms"]]
            for arm in labels.ordered(by_arm)
        ]
        mark = shown["reference"].get("author")
        if mark is None and "percent of the" in shown["unit"]:
            mark = 100.0
        told = {key: shown[key] for key in ("title", "definition", "unit")}
        found.append({**told, "rows": rows, "mark": mark, "band": shown["reference"].get("author_band")})
    return found


def answers_of(reports: Mapping[str, Any]) -> dict[str, list[Generation]]:
    """The generations of each model, by its name on the page."""
    return {
        labelled(reports, arm, run): generated[arm]
        for run in reports
        for generated in [samples.read_generations(Run(run))]
        for arm in labels.ordered(generated)
    }


def author_texts(reports: Mapping[str, Any]) -> list[str]:
    """What the runs were trained on, each text once."""
    return list(dict.fromkeys(text for run in reports for text in samples.read_author_texts(Run(run), "train").texts))


def shared_answers(answers: Mapping[str, Sequence[Generation]]) -> list[Sample]:
    """The first answers to a few prompts that were put to all models but checkpoints, spread over all such prompts."""
    first = {
        name: {row.prompt_id: row for row in rows if row.sample == 0 and not row.error}
        for name, rows in answers.items()
        if not labels.CHECKPOINT.match(rows[0].arm)
    }
    shared = [prompt for prompt in next(iter(first.values()), {}) if all(prompt in rows for rows in first.values())]
    found: list[Sample] = []
    for prompt in evenly_spaced(shared, PROMPTS):
        rows = {name: by_prompt[prompt] for name, by_prompt in first.items()}
        row = next(iter(rows.values()))
        title = f"{first_words(row.prompt, TITLE_WORDS)} ..."
        texts = {name: each.text for name, each in rows.items()}
        found.append(Sample(row.prompt, labels.kind(row.domain), texts, title, folded=bool(found)))
    return found


def sentence_lengths(texts: Sequence[str]) -> list[float]:
    """Percent of the sentences by length."""
    joined = reading.HEADING.sub("", reading.normal("\n\n".join(texts)))
    counts = structure.structure_counts(passages.Passage(joined, reading.plain(joined), ""))[0]
    return [float(share) for share in 100.0 * counts / max(1.0, float(counts.sum()))]


def habits(arms: Mapping[str, Sequence[str]], size: int) -> dict[tuple[str, str], dict[str, list[float]]]:
    """Of each marker (title, unit) that anybody shows, by body of text: 10th, 50th, 90th percentile over passages."""
    rates = {name: [markers.marker_rates(passage) for passage in passages.text_blocks(texts, size).passages]
             for name, texts in arms.items()}  # fmt: skip
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for marker in markers.MARKERS:
        measure = registry.measures()[marker]
        quantiles = {
            name: [float(q) for q in np.quantile([row[marker] for row in rows], [0.1, 0.5, 0.9])]
            for name, rows in rates.items()
            if rows
        }
        if any(high > 0 for _, _, high in quantiles.values()) and labels.AUTHOR in quantiles:
            found[measure.title, measure.unit] = quantiles
    return found


def similarity(arms: Mapping[str, Sequence[str]]) -> tuple[list[str], Floats]:
    """Cosines of character 3- to 5-gram TF-IDF between bodies of text."""
    speaking = [name for name, texts in arms.items() if any(text.strip() for text in texts)]
    model = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=20000)
    rows = model.fit_transform([reading.plain(reading.normal(" ".join(arms[name]))) for name in speaking])
    return speaking, np.asarray((rows @ rows.T).todense())


def curves(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Transfer of each run's checkpoints by step."""
    found = {}
    for run, report in reports.items():
        points = [
            (float(match.group(1)), float(row["value"]))
            for arm, row in report["measures"]["transfer"]["arms"].items()
            if (match := labels.CHECKPOINT.match(arm)) and row["value"] is not None
        ]
        if points:
            found[run] = sorted(points)
    return found


def keyed(
    arms: Mapping[str, Sequence[str]], author: Sequence[str]
) -> dict[str, tuple[list[KeyTerm], list[KeyTerm], list[KeyTerm], list[KeyTerm]]]:
    """What each arm over-uses and under-uses against the author, in words and in phrases of three words."""
    return {
        arm: (
            *keyness.key_terms(texts, author, max_terms=CLOUD),
            *keyness.key_terms(texts, author, n=3, max_terms=PHRASES),
        )
        for arm, texts in arms.items()
    }


def page(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """The page. Texts come from models and manuscripts: everything is escaped."""
    answers, author = answers_of(reports), author_texts(reports)
    arms = {
        name: [text for texts in samples.texts_by_prompt(rows, in_field=True).values() for text in texts]
        for name, rows in answers.items()
    }
    whole = {labels.AUTHOR: author, **arms}
    size = min(report["calibration"]["block_words"] for report in reports.values())
    content = [
        comparison_sections.measures_section(measures(reports)),
        comparison_sections.learning_section(curves(reports)),
        comparison_sections.lengths_section({name: sentence_lengths(texts) for name, texts in whole.items()},
                                   structure.SENTENCE_EDGES),
        comparison_sections.habits_section(habits(whole, size)),
        comparison_sections.likeness_section(*similarity(whole)),
        comparison_sections.words_section(keyed(arms, author)),
        comparison_sections.answers_section(shared_answers(answers)),
    ]  # fmt: skip
    return html.render(
        f"Voices side by side: {', '.join(reports)}",
        "Voices side by side",
        ", ".join(reports),
        [section for section in content if section is not None],
        foot="One file, no network, nothing to run; from what the runs have kept, nothing was asked again.",
    )


@exits_cleanly
def main() -> None:
    named, given = arguments.parse(__doc__, {"out": ""})
    reports = load([name for name in named.split(",") if name])
    path = Path(given["out"]) if given["out"] else Run(next(iter(reports))).dir / "compare.html"
    write_text(path, page(reports))
    print(path)


if __name__ == "__main__":
    main()
