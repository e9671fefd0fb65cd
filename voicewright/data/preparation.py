"""Making a run's training data from its sources, and a masked sample of it.

`prepare_run` writes data/<shape>/{train,val,heldout}.jsonl, data/cleaned/, data/data_card.md and, last,
data/stats.json. It writes nothing where anything is wrong with a source.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from voicewright.core.documents.base import read_documents, write_document, write_documents
from voicewright.core.documents.stats import Stats
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import Run, given_path
from voicewright.core.records import Row, write_rows, write_text
from voicewright.core.rows import TrainingRow
from voicewright.data import data_card, stats, tables
from voicewright.data.assembly import assemble
from voicewright.data.checks.personal import masked_row
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe, Source


def prepare_run(run: Run) -> Stats:
    """Make the training data of a run and print what it is. Raises UserError with everything wrong with its sources."""
    recipe = recipes.load(run.name)
    paths = recipes.source_paths(recipe)
    for source in missing_sources(recipe, paths):
        notice(f"{source.path} is not there yet: using {source.sample} in its place")
    assembly = assemble(recipe, paths, tables.print_progress)
    tables.print_progress(f"checking {len(assembly.output.rows):,} rows")
    run_stats = stats.gather(recipe, assembly)
    # The material has no more errors to raise from here on.
    run.stats_path.unlink(missing_ok=True)
    for folder in ("completion", "chat", "preference", "cleaned", "modes"):
        shutil.rmtree(run.data_dir / folder, ignore_errors=True)
    for path, content in assembly.output.files.items():
        if isinstance(content, str):
            write_text(run.data_dir / path, content)
        else:
            write_documents(run.data_dir / path, content)
    for shape, splits in assembly.splits.items():
        for split, rows in splits.items():
            write_rows(run.rows_path(shape, split), same_columns([row.row for row in rows]))
    if assembly.synthetic:
        write_documents(run.rows_path("completion", "synthetic"), [row.row for row in assembly.synthetic.rows])
    write_text(run.data_dir / "data_card.md", data_card.write(recipe, run_stats))
    # Last: its presence says that the rows are all there.
    write_document(run.stats_path, run_stats)
    tables.print_stats(run_stats, run.data_dir)
    return run_stats


def write_masked_sample(run: Run, n_rows: int) -> Path:
    """Write rows that can be shown to others to sample.jsonl, and return its path.

    It lies beside data/, so that training does not take it for new data. E-mail addresses, telephone numbers and keys
    are masked, and paths cut down to file names.
    """
    recipe = recipes.load(run.name)
    paths = sorted(run.data_dir.glob("*/train.jsonl"))
    if not paths:
        raise UserError(f"run {run.name!r} has no rows yet", hint=f"make prepare RUN={run.name}")
    rows = [row for path in paths for row in read_documents(path, TrainingRow)]
    drawn = random.Random(recipe.data.seed).sample(rows, min(n_rows, len(rows)))
    path = run.dir / "sample.jsonl"
    written = write_documents(path, map(publishable, drawn))
    tables.console.print(f"{written} masked rows: {os.path.relpath(path)}", highlight=False)
    return path


def publishable(row: TrainingRow) -> TrainingRow:
    """A row without personal data, keys and folder names."""
    cleaned = {} if row.cleaned is None else {"cleaned": row.cleaned.rsplit("/", 1)[-1]}
    return masked_row(row).model_copy(update={"source": row.source.rsplit("/", 1)[-1], **cleaned})


def missing_sources(recipe: Recipe, paths: dict[str, Path]) -> list[Source]:
    """The sources that are not there yet; their samples are read in their place."""
    own_paths = {name: given_path(source.path) for name, source in recipe.data.sources.items()}
    return [source for name, source in recipe.data.sources.items() if paths[name] != own_paths[name]]


def same_columns(rows: Sequence[TrainingRow]) -> Iterator[Row]:
    """The rows of one file with the same keys, since Axolotl's loader takes the columns of the first megabytes for all.

    A key that a shape does not have is "", since a column of nulls would not be read as one of strings.
    """
    values = [row.to_json() for row in rows]
    keys = dict.fromkeys(key for row in values for key in row)
    return ({key: row.get(key, "") for key in keys} for row in values)
