"""Gathering `data/stats.json`: the prompt format, the splits, what was dropped, and the checks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from voicewright.core.documents.stats import (
    BoundsCheck,
    BoundsException,
    DataChecks,
    DuplicatesCheck,
    ReasonCount,
    SourceStats,
    SplitStats,
    Stats,
    SyntheticStats,
    TokenHistogram,
    TrainingEstimate,
)
from voicewright.core.rows import PromptFormat
from voicewright.data import tokenizers
from voicewright.data.assembly import Assembly
from voicewright.data.checks import curation, duplicates, health, personal
from voicewright.data.expansion import SyntheticRows
from voicewright.data.shapes import modes
from voicewright.data.shapes.base import PreparedRow
from voicewright.data.splitting import SPLITS, Split
from voicewright.data.tokenizers import TokenCounter
from voicewright.recipe import steps
from voicewright.recipe.schema import Recipe, RowShape

MAX_LISTED = 500
HISTOGRAM_BINS = 20


def gather(recipe: Recipe, assembly: Assembly) -> Stats:
    """The whole of stats.json."""
    main = max(assembly.splits, key=lambda shape: sum(map(len, assembly.splits[shape].values())))
    by_split = {name: [row for splits in assembly.splits.values() for row in splits[name]] for name in SPLITS}
    stats = Stats(
        format=prompt_format(recipe, main, assembly.counter),
        splits={name: split_stats(rows) for name, rows in by_split.items()},
        shapes={
            shape: {name: split_stats(rows) for name, rows in splits.items()}
            for shape, splits in assembly.splits.items()
        },
        dropped=assembly.output.dropped[:MAX_LISTED],
        dropped_by_reason=_by_reason(assembly),
        checks=_checks(recipe, assembly, by_split),
    )
    if assembly.synthetic:
        stats.synthetic = _synthetic_stats(assembly.synthetic)
    return stats


def prompt_format(recipe: Recipe, main: RowShape, counter: TokenCounter) -> PromptFormat:
    """How the model will be asked, where most rows are of the shape `main`."""
    shapes = {source.shape for source in recipe.data.sources.values()}
    of_main = [source for source in recipe.data.sources.values() if source.row_shape == main]
    systems = {source.system for source in of_main if isinstance(source.system, str)}
    if "qa" in shapes and not systems:
        systems = {recipe.data.qa.persona}
    return PromptFormat(
        shape=main,
        prompt="raw" if main == "completion" else "chat",
        system=systems.pop() if len(systems) == 1 else None,
        special_tokens=counter.added_tokens if main == "completion" else 0,
        # Passages of prose end where they were cut; a sample of a mode is over where its family says so.
        open_ended={source.shape for source in of_main} == {"completion"},
        stop=modes.family(recipe.data.modes.family).eos_token or None if "modes" in shapes else None,
    )


def split_stats(rows: Sequence[PreparedRow]) -> SplitStats:
    """The size of one split."""
    return SplitStats(
        rows=len(rows),
        words=sum(row.trained_words for row in rows),
        tokens=sum(row.row.tokens for row in rows),
        chapters=len({row.unit for row in rows}),
        works=len({row.row.work for row in rows}),
    )


def _synthetic_stats(synthetic: SyntheticRows) -> SyntheticStats:
    size = split_stats(synthetic.rows).to_json()
    return SyntheticStats(**size, by=synthetic.model, **synthetic.usage._asdict())


def _by_reason(assembly: Assembly) -> dict[str, ReasonCount]:
    """Counts and words by reason, figures in a reason replaced by n."""
    times: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for drop in assembly.output.dropped:
        reason = re.sub(r"\d+", "n", drop.reason)
        times[reason] += 1
        words[reason] += drop.words
    return {reason: ReasonCount(times=times[reason], words=words[reason]) for reason in times}


def _checks(recipe: Recipe, assembly: Assembly, by_split: dict[Split, list[PreparedRow]]) -> DataChecks:
    rows = assembly.output.rows
    texts = {row.row.id: row.row.all_text for row in rows}
    prose = [row for row in rows if row.shape == "completion" and row.row.section is not None]
    exact, near = duplicates.find([(row.row.id, row.row.all_text) for row in rows])
    known = duplicates.known_runs(row.row.author_text for row in by_split["train"])
    val, heldout = ({row.row.id: row.row.author_text for row in by_split[name]} for name in ("val", "heldout"))
    trained = by_split["train"] + (assembly.synthetic.rows if assembly.synthetic else [])
    checks = DataChecks(
        bounds=_bounds(assembly),
        tokens=histogram([row.row.tokens for row in rows]),
        training=training_estimate(recipe, [_trained_tokens(row, assembly.counter) for row in trained]),
        split_by=", ".join(sorted(set(assembly.wholes.values()))),
        sources=_sources(recipe, assembly, by_split["train"]),
        duplicates=DuplicatesCheck(
            exact=exact,
            near=near,
            leaks_val=duplicates.leaks(known, val),
            leaks_heldout=duplicates.leaks(known, heldout),
        ),
        health=health.check(texts, tokenizers.control_token_pattern(assembly.counter.control_tokens)),
        personal=personal.check(texts),
    )
    if assembly.output.question_stats:
        checks.qa = assembly.output.question_stats
    if any(source.shape == "modes" for source in recipe.data.sources.values()):
        checks.modes = modes.metrics(assembly.output.mode_replies, recipe.data.modes.fillers)
    if prose:
        checks.curation = curation.report(prose, assembly.counter)
    return checks


def _bounds(assembly: Assembly) -> BoundsCheck:
    exceptions = [
        BoundsException(id=row.row.id, source=row.row.source, tokens=row.row.tokens, reason=row.bounds_exception)
        for row in assembly.output.rows
        if row.bounds_exception
    ]
    return BoundsCheck(
        min_tokens=assembly.min_tokens,
        max_tokens=assembly.max_tokens,
        exceptions=exceptions[:MAX_LISTED],
        exceptions_in_all=len(exceptions),
    )


def histogram(tokens: Sequence[int]) -> TokenHistogram:
    """Tokens by row."""
    if not tokens:
        return TokenHistogram(edges=[], counts=[], total=0)
    counts, edges = np.histogram(tokens, bins=HISTOGRAM_BINS)
    return TokenHistogram(
        edges=[round(float(edge), 1) for edge in edges],
        counts=[int(count) for count in counts],
        total=int(sum(tokens)),
        mean=round(float(np.mean(tokens)), 1),
        shortest=min(tokens),
        longest=max(tokens),
    )


def _trained_tokens(row: PreparedRow, counter: TokenCounter) -> int:
    """Tokens of a row as it is trained on: a raw passage gets an end of text, a chat template has its own."""
    return row.row.tokens + (counter.added_tokens if row.shape == "completion" else 0)


def training_estimate(recipe: Recipe, lengths: Sequence[int]) -> TrainingEstimate:
    """Steps and packing to expect of training rows of so many tokens."""
    expected = steps.count_steps(recipe, lengths)
    capacity = steps.sequence_length(recipe)
    packs = steps.count_packs(lengths, capacity)
    return TrainingEstimate(
        rows=len(lengths),
        batch=expected.batch,
        steps_an_epoch=expected.per_epoch,
        steps=expected.total,
        packing=bool(recipe.axolotl.get("sample_packing")),
        packs=packs,
        rows_a_pack=round(len(lengths) / packs, 2) if packs else 0,
        pack_fill=round(sum(lengths) / (packs * capacity), 3) if packs else 0,
    )


def _sources(recipe: Recipe, assembly: Assembly, train: Sequence[PreparedRow]) -> dict[str, SourceStats]:
    rows, training_rows = (Counter(row.source for row in each) for each in (assembly.output.rows, train))
    files = Counter(file.source for file in assembly.files)
    return {
        name: SourceStats(
            path=assembly.source_labels[name],
            shape=source.shape,
            weight=source.weight,
            files=files[name],
            rows=rows[name],
            training_rows=training_rows[name],
        )
        for name, source in recipe.data.sources.items()
    }
