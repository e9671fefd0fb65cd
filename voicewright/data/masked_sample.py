"""Write a masked sample of a run's rows that can be shown to others: `python -m prepare.sample RUN n=15`.

Reads data/*/train.jsonl; writes sample.jsonl beside data/, so that training does not take it for new data. E-mail
addresses, telephone numbers and keys are masked, and paths cut down to file names.
"""

from __future__ import annotations

import os
import random

from voicewright.cli import arguments
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.core.records import Row, read_rows, write_rows
from voicewright.data.checks.personal import masked_row
from voicewright.data.tables import console
from voicewright.recipe import recipes


@exits_cleanly
def main() -> None:
    name, options = arguments.parse(__doc__, {"n": "15"})
    settings = recipes.load(name)
    run = Run(settings.run)
    paths = sorted(run.data_dir.glob("*/train.jsonl"))
    if not paths:
        raise UserError(f"run {run.name!r} has no rows yet", hint=f"make prepare RECIPE={settings.recipe}")
    count = options["n"] or ""
    if not count.isdecimal() or int(count) < 1:
        raise UserError(f"n={count}: expected a number of rows, such as n=15")
    rows = [row for path in paths for row in read_rows(path)]
    drawn = random.Random(settings.data.seed).sample(rows, min(int(count), len(rows)))
    written = write_rows(run.dir / "sample.jsonl", map(publishable, drawn))
    console.print(f"{written} masked rows: {os.path.relpath(run.dir / 'sample.jsonl')}", highlight=False)


def publishable(row: Row) -> Row:
    """A row without personal data, keys and folder names."""
    places = {key: str(row[key]).rsplit("/", 1)[-1] for key in ("source", "cleaned") if key in row}
    return masked_row(row) | places


if __name__ == "__main__":
    main()
