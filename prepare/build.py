"""Make a run's training data from its sources: `python -m prepare.build RUN`.

Reads the run's recipe; writes data/<shape>/{train,val,heldout}.jsonl and data/stats.json.
"""

from __future__ import annotations

from prepare import manuscript, sources, tables, tokens
from voicewright import command, recipe
from voicewright.errors import UserError, exits_cleanly
from voicewright.layout import Run
from voicewright.records import write_json, write_rows


@exits_cleanly
def main() -> None:
    name, _ = command.parse(__doc__, {})
    settings = recipe.load(name)
    run = Run(settings.run)
    files, problems = sources.find(recipe.source_paths(settings))
    documents, unread = manuscript.read(files)
    if problems + unread:
        raise UserError(problems + unread)
    counter = tokens.load(str(settings.axolotl["base_model"]))
    sequence_len = int(settings.axolotl.get("sequence_len") or settings.model.context)
    made = manuscript.rows(documents, settings.data, counter, sequence_len)
    for split, rows in made.splits.items():
        write_rows(run.rows_path("completion", split), rows)
    stats = manuscript.stats(made, counter)
    # Last: its presence says that the rows are all there.
    write_json(run.stats_path, stats)
    tables.show(stats, run.data_dir)


if __name__ == "__main__":
    main()
