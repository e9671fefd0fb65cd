"""Merge readers' ballots into a run's votes: RUN -> blind/votes.jsonl.

    python -m benchmarks.ballots RUN [files=a.json,b.json]

Without files=, the ballots that were handed in to the served page. Ballots that do not fit are named one by one and
change nothing; the others are counted.
"""

from __future__ import annotations

from pathlib import Path

from voicewright.cli import arguments
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.core.records import Appender, read_json
from voicewright.judging import ballots


@exits_cleanly
def main() -> None:
    name, options = arguments.parse(__doc__, {"files": None})
    run = Run(name)
    packets = {path.stem: read_json(path) for path in sorted((run.blind_dir / "packets").glob("*.json"))}
    if not packets:
        raise UserError(f"{run.blind_dir}: this run has no readers' packet", hint=f"make blind RECIPE={name}")
    handed_in = sorted((run.blind_dir / "ballots").glob("*.json"))
    named = options["files"] or ""
    files = [Path(word.strip()) for word in (named.split(",") if "," in named else named.split())] or handed_in
    if not files:
        raise UserError(
            "no ballots: name the files that readers sent back", hint=f'make ballots RUN={name} FILES="a.json b.json"'
        )
    problems: list[str] = []
    with Appender(run.votes_path) as votes:
        for path in files:
            try:
                if not path.is_file():
                    raise UserError(f"{path}: no such file")
                ballot = ballots.read(path.read_text(encoding="utf-8", errors="replace"), path.name)
                rows = ballots.new_votes(ballot, packets, votes.rows, path.name)
            except UserError as error:
                problems += error.problems
                continue
            for row in rows:
                votes.append(row)
            print(f"{path.name}: {len(rows)} votes of reader {ballot.reader} counted")
    if problems:
        raise UserError(problems)


if __name__ == "__main__":
    main()
