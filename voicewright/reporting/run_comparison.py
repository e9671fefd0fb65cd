"""Runs side by side on one page, from what they have on disk: compare.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup, escape
from sklearn.feature_extraction.text import TfidfVectorizer

from voicewright.core import labels
from voicewright.core import text as reading
from voicewright.core.documents.base import read_document
from voicewright.core.documents.generation import Generation
from voicewright.core.documents.intervals import Figure, Interval
from voicewright.core.documents.voice_report import Measure, VoiceReport
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import write_text
from voicewright.core.rows import evenly_spaced
from voicewright.core.text import first_words
from voicewright.metrics import keyness, markers, registry, samples, structure
from voicewright.metrics.keyness import KeyTerm
from voicewright.reporting import html
from voicewright.reporting.blocks import (
    Block,
    Cell,
    Plot,
    Row,
    Sample,
    Section,
    Table,
    capitalised,
    format_interval,
    format_number,
    known_ends,
)
from voicewright.reporting.plots import (
    Line,
    Scale,
    comparison_plot,
    interval_strip,
    scale_around,
    shaded_number,
    strip_axis,
    ticks,
)
from voicewright.reporting.similarity import with_unit
from voicewright.stylometry import passages
from voicewright.stylometry.features import Floats

# The first measures on the page, in this order; all others follow.
FIRST_MEASURES = ("transfer", "vocabulary", "structure", "markers", "pov", "bits_per_character", "you_per_1000")
MAX_WORDS, MAX_PHRASES = 40, 10
# Prompts whose answers stand beside one another, and words of a folded one that are visible.
PROMPTS, TITLE_WORDS = 6, 9

Reports = Mapping[str, VoiceReport]
"""By run."""
Texts = Mapping[str, Sequence[str]]
"""By the name of a model on the page, or of the author."""


@dataclass(frozen=True)
class KeyTerms:
    """Words and phrases of three words that a model uses more and less often than the author."""

    overused: list[KeyTerm]
    underused: list[KeyTerm]
    overused_phrases: list[KeyTerm]
    underused_phrases: list[KeyTerm]


def compare_runs(runs: Sequence[str], out: Path | None = None) -> Path:
    """Write the page, by default as compare.html of the first run, and return its path.

    Raises UserError naming every run without a voice report.
    """
    reports = read_reports(runs)
    path = out or Run(runs[0]).dir / "compare.html"
    write_text(path, page(reports))
    return path


def read_reports(runs: Sequence[str]) -> dict[str, VoiceReport]:
    """The voice reports of runs. Raises UserError naming every run without one."""
    paths = {name: Run(name).voice_path for name in runs}
    missing = {name: path for name, path in paths.items() if not path.exists()}
    if missing:
        problems = [f"{path}: run {name!r} has no voice report" for name, path in missing.items()]
        raise UserError(problems, hint=f"make voice RUN={next(iter(missing))}")
    return {name: read_document(path, VoiceReport) for name, path in paths.items()}


def page(reports: Reports) -> str:
    """The page. Texts come from models and manuscripts: everything is escaped."""
    answers, author = answers_by_model(reports), author_texts(reports)
    by_model = {
        name: [text for texts in samples.texts_by_prompt(rows, in_field=True).values() for text in texts]
        for name, rows in answers.items()
    }
    everyone = {labels.AUTHOR: author, **by_model}
    size = min(report.calibration.block_words for report in reports.values())
    content = [
        measures_section(reports),
        learning_section(learning_curves(reports)),
        lengths_section({name: sentence_lengths(texts) for name, texts in everyone.items()}),
        variation_section(passage_quantiles(everyone, size)),
        matrix_section(*similarity_matrix(everyone)),
        wording_section({name: key_terms(texts, author) for name, texts in by_model.items()}),
        answers_section(shared_answers(answers)),
    ]
    return html.render(
        f"Comparison of runs: {', '.join(reports)}",
        "Comparison of runs",
        ", ".join(reports),
        [section for section in content if section is not None],
        footer="One file without scripts or network access. Made from the runs' files; no model was asked again.",
    )


def model_name(reports: Reports, arm: str, run: str) -> str:
    """An arm's name on the page."""
    return labels.arm(arm) if len(reports) == 1 else f"{run}: {labels.arm(arm)}"


def answers_by_model(reports: Reports) -> dict[str, list[Generation]]:
    """The generations of each model, by its name on the page."""
    by_run = {run: samples.read_generations(Run(run)) for run in reports}
    return {
        model_name(reports, arm, run): by_arm[arm] for run, by_arm in by_run.items() for arm in labels.ordered(by_arm)
    }


def author_texts(reports: Reports) -> list[str]:
    """What the runs were trained on, each text once."""
    return list(dict.fromkeys(text for run in reports for text in samples.read_author_texts(Run(run), "train").texts))


def measures_section(reports: Reports) -> Section:
    """Every measure of every arm, those with targets first, with the author's level and band."""
    names = list(dict.fromkeys(name for report in reports.values() for name in report.measures))
    names.sort(key=lambda name: FIRST_MEASURES.index(name) if name in FIRST_MEASURES else len(FIRST_MEASURES))
    paragraph = (
        "Dot: value. Bar: 95% interval. Vertical line: the author's level. Shaded band: 80% of the author's passages."
    )
    return Section("All measures", [paragraph], [_measure_table(reports, name) for name in names], grid=True)


def _measure_table(reports: Reports, name: str) -> Table:
    measure = next(report.measures[name] for report in reports.values() if name in report.measures)
    figures = {
        model_name(reports, arm, run): report.measures[name].arms[arm]
        for run, report in reports.items()
        if name in report.measures
        for arm in labels.ordered(report.measures[name].arms)
    }
    level, band = _author_level(measure), measure.reference.author_band
    scale = scale_around([*known_ends(figures.values()), *([] if level is None else [level]), *(band or ())])
    rows: list[Row] = []
    for model, figure in figures.items():
        alt = f"{model}: {format_interval(figure, None)}"
        strip = interval_strip(figure, scale=scale, target=level, band=band, alt=alt)
        rows.append([model, _value(figure, measure.unit), strip])
    return Table(with_unit(measure), ["", "", _end_axis(scale)], rows, title=measure.title)


def _author_level(measure: Measure) -> float | None:
    if measure.reference.author is None and "percent of the" in measure.unit:
        return 100.0
    return measure.reference.author


def _value(figure: Figure, unit: str) -> str:
    if figure.value is not None:
        return format_number(figure.value, 0 if unit.startswith(("percent of the", "words of")) else None)
    return "\n".join(filter(None, [figure.status, figure.why]))


def _end_axis(scale: Scale) -> Markup:
    """The lowest and the highest round number of a scale."""
    inside = [tick for tick in ticks(*scale) if scale[0] <= tick <= scale[1]]
    return strip_axis(scale, {tick: f"{tick:,g}" for tick in (inside[:1] + inside[-1:])})


def learning_curves(reports: Reports) -> dict[str, Line]:
    """Transfer of each run's checkpoints by step."""
    curves: dict[str, Line] = {}
    for run, report in reports.items():
        points = [
            (float(match.group(1)), figure.value)
            for arm, figure in report.measures["transfer"].arms.items()
            if (match := labels.CHECKPOINT.match(arm)) and figure.value is not None
        ]
        if points:
            curves[run] = sorted(points)
    return curves


def learning_section(curves: Mapping[str, Line]) -> Section | None:
    """Transfer of each run's checkpoints by step; None where none was measured."""
    if not curves:
        return None
    last_step = max(step for line in curves.values() for step, _ in line)
    lines: dict[str, Line] = {"the author's held-out text": [(0, 100.0), (last_step, 100.0)], **curves}
    alt = "; ".join(f"{run}: {line[-1][1]:.0f} at step {line[-1][0]:g}" for run, line in curves.items())
    caption = "Voice transfer of each checkpoint by training step. Where a line falls, further training did not help."
    return Section("Learning curve", [], [Plot(caption, comparison_plot(lines, alt, "training step"), f"{alt}.")])


def sentence_lengths(texts: Sequence[str]) -> list[float]:
    """Percent of the sentences by length, in the bins of `structure.SENTENCE_EDGES`."""
    joined = reading.HEADING.sub("", reading.normal("\n\n".join(texts)))
    counts = structure.structure_counts(passages.Passage(joined, reading.plain(joined), ""))[0]
    return [float(share) for share in 100.0 * counts / max(1.0, float(counts.sum()))]


def lengths_section(shares: Mapping[str, Sequence[float]]) -> Section:
    """Percent of the sentences in each bin of length, the author's first."""
    edges = structure.SENTENCE_EDGES
    bins = {float(i): f"to {edge:g}" for i, edge in enumerate(edges)} | {float(len(edges)): "more"}
    lines: dict[str, Line] = {name: list(enumerate(map(float, values))) for name, values in shares.items()}
    caption = "Percent of the sentences by their length; the author's line is the thick one."
    alt = "; ".join(f"{name}: {max(values):.0f}% at most in one bin" for name, values in shares.items())
    plot = comparison_plot(lines, alt, "words of a sentence", bins)
    return Section("Sentence lengths", [], [Plot(caption, plot, "")])


def passage_quantiles(texts: Texts, size: int) -> dict[tuple[str, str], dict[str, list[float]]]:
    """Of each marker (title, unit) that anybody shows, by body of text: 10th, 50th, 90th percentile over passages."""
    rates = {
        name: [markers.marker_rates(passage) for passage in passages.text_blocks(each, size).passages]
        for name, each in texts.items()
    }
    by_marker: dict[tuple[str, str], dict[str, list[float]]] = {}
    for marker in markers.MARKERS:
        measure = registry.measures()[marker]
        quantiles = {
            name: [float(q) for q in np.quantile([row[marker] for row in rows], [0.1, 0.5, 0.9])]
            for name, rows in rates.items()
            if rows
        }
        if any(high > 0 for _, _, high in quantiles.values()) and labels.AUTHOR in quantiles:
            by_marker[measure.title, measure.unit] = quantiles
    return by_marker


def variation_section(habits: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]) -> Section:
    """How much each habit varies between passages: (title, unit) -> body of text -> (10th, 50th, 90th percentile)."""
    blocks: list[Block] = []
    for (title, unit), by_name in habits.items():
        scale = scale_around([value for quantiles in by_name.values() for value in quantiles])
        own = by_name[labels.AUTHOR]
        rows: list[Row] = []
        for name, (low, middle, high) in by_name.items():
            interval, alt = Interval(value=middle, low=low, high=high), f"{name}: {low:.1f} to {high:.1f}"
            strip = interval_strip(interval, scale=scale, band=(own[0], own[2]), alt=alt)
            rows.append([name, format_number(middle, None, high), strip])
        caption = f"{capitalised(unit)}, in the median passage."
        blocks.append(Table(caption, ["", "", _end_axis(scale)], rows, title=capitalised(title)))
    paragraph = (
        "How much a habit varies from passage to passage. Bar: 80% of the passages. Dot: the median passage. Shaded "
        "band: 80% of the author's passages."
    )
    return Section("Variation between passages", [paragraph], blocks, grid=True)


def similarity_matrix(texts: Texts) -> tuple[list[str], Floats]:
    """Names, and the cosines of TF-IDF vectors of character 3- to 5-grams between their texts."""
    names = [name for name, each in texts.items() if any(text.strip() for text in each)]
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=20000)
    rows = vectorizer.fit_transform([reading.plain(reading.normal(" ".join(texts[name]))) for name in names])
    return names, np.asarray((rows @ rows.T).todense())


def matrix_section(names: Sequence[str], cosines: Floats) -> Section:
    """Similarities of all bodies of text with one another."""
    rows: list[Row] = [
        [
            name,
            *(
                shaded_number(float(cosines[i, j]), f"{name} and {other}: {cosines[i, j]:.2f}")
                for j, other in enumerate(names)
            ),
        ]
        for i, name in enumerate(names)
    ]
    caption = (
        "Similarity of all models and the author to one another: cosine of the TF-IDF vectors of sequences of three to "
        "five letters. 1 is the same text."
    )
    return Section("Similarity matrix", [], [Table(caption, ["", *names], rows)])


def key_terms(texts: Sequence[str], author: Sequence[str]) -> KeyTerms:
    """What a model over-uses and under-uses against the author, in words and in phrases of three words."""
    words = keyness.key_terms(texts, author, max_terms=MAX_WORDS)
    return KeyTerms(*words, *keyness.key_terms(texts, author, n=3, max_terms=MAX_PHRASES))


def wording_section(terms: Mapping[str, KeyTerms]) -> Section:
    """Words and phrases that each model uses more and less often than the author."""
    rows: list[Row] = [
        [
            name,
            _cloud(each.overused, "over", each.overused_phrases),
            _cloud(each.underused, "under", each.underused_phrases),
        ]
        for name, each in terms.items()
    ]
    caption = (
        "Words whose frequency differs most from the author's: the larger the word, the stronger the evidence "
        "(log-likelihood). Below each cloud: phrases of three words."
    )
    header: list[Cell] = ["Model", "More often than the author", "Less often than the author"]
    return Section("Over-used and under-used words", [], [Table(caption, header, rows)])


def _cloud(terms: Sequence[KeyTerm], css_class: str, phrases: Sequence[KeyTerm]) -> Markup:
    highest = max([abs(each.score) for each in terms], default=1.0)
    # Areas, not lengths, follow the score.
    spans = [
        Markup('<span class="{}" style="font-size: {:.2f}em">{}</span>').format(
            css_class, 0.8 + 1.2 * (abs(each.score) / highest) ** 0.5, each.term
        )
        for each in sorted(terms, key=lambda each: each.term)
    ]
    listed = escape("; ".join(each.term for each in phrases) or "none")
    return Markup('<div class="cloud">{}</div><small>{}</small>').format(Markup(" ").join(spans), listed)


def shared_answers(answers: Mapping[str, Sequence[Generation]]) -> list[Sample]:
    """The first answers to a few prompts that were put to all models but checkpoints, spread over all such prompts."""
    first = {
        name: {row.prompt_id: row for row in rows if row.sample == 0 and not row.error}
        for name, rows in answers.items()
        if not labels.CHECKPOINT.match(rows[0].arm)
    }
    shared = [prompt for prompt in next(iter(first.values()), {}) if all(prompt in rows for rows in first.values())]
    selected: list[Sample] = []
    for prompt in evenly_spaced(shared, PROMPTS):
        rows = {name: by_prompt[prompt] for name, by_prompt in first.items()}
        row = next(iter(rows.values()))
        title = f"{first_words(row.prompt, TITLE_WORDS)} ..."
        texts = {name: each.text for name, each in rows.items()}
        selected.append(Sample(row.prompt, labels.kind(row.domain), texts, title, folded=bool(selected)))
    return selected


def answers_section(shared: Sequence[Sample]) -> Section:
    """What all models answered to the same prompts."""
    paragraph = (
        "The first answer of each model; none was selected by hand." if shared else "No prompt was put to all of them."
    )
    return Section("Answers to the same prompts", [paragraph], list(shared))
