"""Make a run's training data from its sources: `python -m prepare.build RUN`.

Reads the run's recipe; writes data/<shape>/{train,val,heldout}.jsonl, data/cleaned/, data/data_card.md and, last,
data/stats.json. Nothing is written where anything is wrong with a source.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from voicewright.cli import arguments
from voicewright.core.errors import exits_cleanly, notice
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import Row, write_json, write_rows, write_text
from voicewright.data import assembly, data_card, stats, tables
from voicewright.recipe import recipes as recipe
from voicewright.recipe.schema import Recipe, Source


def stood_in(recipe: Recipe, paths: dict[str, Path]) -> list[Source]:
    """The sources that are not there yet, in whose place their samples are read."""
    given = {name: REPO_DIR / Path(source.path).expanduser() for name, source in recipe.data.sources.items()}
    return [source for name, source in recipe.data.sources.items() if paths[name] != given[name]]


def alike(rows: Sequence[Row]) -> Iterator[Row]:
    """Rows of one file with the same keys: Axolotl's loader takes the columns of the first megabytes for all.

    What a shape has no word for is "", since a column of nulls would be taken for one without strings.
    """
    keys = dict.fromkeys(key for row in rows for key in row)
    return ({key: row.get(key, "") for key in keys} for row in rows)


@exits_cleanly
def main() -> None:
    name, _ = arguments.parse(__doc__, {})
    settings = recipe.load(name)
    run = Run(settings.run)
    paths = recipe.source_paths(settings)
    for source in stood_in(settings, paths):
        notice(f"{source.path} is not there yet: using {source.sample} in its place")
    result = assembly.make(settings, paths, tables.tell)
    tables.tell(f"checking {len(result.pieces):,} rows")
    told = stats.gather(settings, result)
    # From here on nothing can go wrong that the material is to blame for.
    run.stats_path.unlink(missing_ok=True)
    for stale in ("completion", "chat", "preference", "cleaned", "modes"):
        shutil.rmtree(run.data_dir / stale, ignore_errors=True)
    for path, content in result.made.kept.items():
        if isinstance(content, str):
            write_text(run.data_dir / path, content)
        else:
            write_rows(run.data_dir / path, content)
    for shape, splits in result.splits.items():
        for split, pieces in splits.items():
            write_rows(run.rows_path(shape, split), alike([piece.row for piece in pieces]))
    if result.synthetic:
        write_rows(run.rows_path("completion", "synthetic"), [piece.row for piece in result.synthetic.pieces])
    write_text(run.data_dir / "data_card.md", data_card.write(settings, told))
    # Last: its presence says that the rows are all there.
    write_json(run.stats_path, told)
    tables.show(told, run.data_dir)


if __name__ == "__main__":
    main()
