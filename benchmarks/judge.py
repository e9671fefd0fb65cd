"""Have the recipe's judges vote on the pairs, in both orders: RUN -> blind/votes.jsonl.

python -m benchmarks.judge RUN [judges=name,name] [yes=1]
"""

from __future__ import annotations

from typing import Any

from benchmarks import pairs as pair_files
from benchmarks.judges import Asker, asks, put_questions
from benchmarks.stylometric import stylometric_judge
from voicewright import command, recipe
from voicewright.errors import UserError, exits_cleanly, notice
from voicewright.layout import Run
from voicewright.records import Appender, content_id, read_json, read_rows


def training_texts(run: Run) -> list[str]:
    """The author's passages that training saw, from which the built-in judge's profile is made."""
    shape = read_json(run.stats_path)["format"]["shape"] if run.stats_path.exists() else "completion"
    path = run.rows_path(shape, "train")
    if not path.exists():
        raise UserError(
            f"{path}: the built-in judge needs the author's training passages",
            mend=f"make prepare RUN={run.name}",
        )
    return [pair_files.row_text(row) for row in read_rows(path)]


def asker_of(run: Run) -> tuple[Any, Asker]:
    """A judge's identity for the cache, and the function that asks it."""
    texts = training_texts(run)
    return ["stylometric", content_id(texts, 24)], stylometric_judge(texts)


@exits_cleanly
def main() -> None:
    name, options = command.parse(__doc__, {"judges": None, "yes": None})
    run, settings = Run(name), recipe.load(name)
    chosen = options["judges"].split(",") if options["judges"] else list(settings.judges)
    pairs = pair_files.read(run.pairs_path)
    with Appender(run.votes_path) as votes:
        for judge_name in chosen:
            judge = settings.judges[judge_name]
            identity, asker = asker_of(run)
            progress = put_questions(judge_name, judge, identity, asker, list(asks(pairs, judge.questions)), votes)
            if progress.stopped:
                notice(f"{judge_name}: {progress.stopped}")
            print(f"{judge_name}: {progress.asked} asked, {progress.reused} reused, {progress.unscored} unscored")


if __name__ == "__main__":
    main()
