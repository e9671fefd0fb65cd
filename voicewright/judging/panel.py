"""Try the recipe's judges in court, then have them vote on the pairs in both orders: RUN -> blind/votes.jsonl.

    python -m benchmarks.judge RUN [judges=name,name] [yes=1]

A judge that the court refuses is not asked about the pairs, save the built-in one, which costs nothing and whose
rate is shown without being counted. `yes=1` agrees to the estimated cost.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bar

from voicewright.cli import arguments
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import SAMPLE_DIR, Run
from voicewright.core.records import Appender, Row, content_id, read_json, read_rows, write_json, write_rows
from voicewright.judging import pairs as pair_files
from voicewright.judging import votes as vote_files
from voicewright.judging.endpoint_judge import QUESTIONS, endpoint_judge, estimate_tokens, identity_of, key_of
from voicewright.judging.judge_qualification import Cases, hold, try_judge
from voicewright.judging.judges import Ask, Asker, Progress, asks, cost, put_questions
from voicewright.judging.stylometric_judge import stylometric_judge
from voicewright.recipe import recipes
from voicewright.recipe.schema import Court, Judge, Recipe

HEADING = re.compile(r"^#.*$\n?", re.MULTILINE)
SHORTEST_WORDS = 40
IMPOSTORS_DIR = Path(__file__).parent / "impostors"


@dataclass(frozen=True)
class Seated:
    """A judge ready to be asked."""

    name: str
    settings: Judge
    identity: Any
    asker: Asker


def author_texts(run: Run, *splits: str) -> list[str]:
    """The author's passages of some splits, in order."""
    shape = read_json(run.stats_path)["format"]["shape"] if run.stats_path.exists() else "completion"
    paths = [run.rows_path(shape, split) for split in splits]
    return [pair_files.row_text(row) for path in paths if path.exists() for row in read_rows(path)]


def seat(run: Run, chosen: Sequence[str], judges: dict[str, Judge]) -> list[Seated]:
    """The judges, ready. Raises UserError naming every judge that is unknown or lacks a key."""
    problems = [
        f"judges={name}: the recipe has no such judge; it has {', '.join(judges)}"
        for name in chosen
        if name not in judges
    ]
    keys = {name: key_of(judges[name]) for name in chosen if name in judges}
    problems += [
        f"judges.{name}: {judges[name].key_env} is neither in the environment nor in .env"
        for name, key in keys.items()
        if key is None
    ]
    if problems:
        raise UserError(problems, hint="export the key, or write NAME=value into .env beside the Makefile")
    seated = []
    for name in chosen:
        settings = judges[name]
        if settings.kind == "endpoint":
            seated.append(Seated(name, settings, identity_of(settings), endpoint_judge(settings, keys[name] or "")))
            continue
        texts = author_texts(run, "train")
        if not texts:
            raise UserError(
                f"{run.data_dir}: the built-in judge needs the author's training passages",
                hint=f"make prepare RUN={run.name}",
            )
        seated.append(Seated(name, settings, ["stylometric", content_id(texts, 24)], stylometric_judge(texts)))
    return seated


def questions_of(name: str, settings: Judge, rubric: dict[str, str]) -> list[str]:
    """What a judge is asked, `rubric` spelt out. Raises UserError for a question that nobody has worded."""
    if settings.kind == "stylometric":
        return ["voice"]
    asked = [q for given in settings.questions for q in (rubric if given == "rubric" else [given])]
    unknown = sorted(set(asked) - {*QUESTIONS, *rubric})
    if unknown:
        raise UserError(
            f"judges.{name}.questions: {', '.join(unknown)}: not voice, quality, rubric or an item of blind.rubric"
        )
    return asked


def impostors(settings: Recipe) -> list[str]:
    """Texts of other writers for the court: the recipe's folder, or a few of ours and the sample manuscript.

    Whatever the author's own material holds is left out. Raises UserError where the recipe's folder is not there.
    """
    folders = [IMPOSTORS_DIR, SAMPLE_DIR]
    if settings.blind.court.manuscripts:
        folders = [Path(settings.blind.court.manuscripts).expanduser()]
        if not folders[0].is_dir():
            raise UserError(f"blind.court.manuscripts: {folders[0]} is not a folder")
    own = [path.resolve() for path in recipes.source_paths(settings).values()]
    files = [path for folder in folders for path in sorted(folder.glob("*")) if path.suffix in (".txt", ".md")]
    strangers = [path for path in files if not any(path.resolve().is_relative_to(source) for source in own)]
    # A heading in one of two texts would tell them apart without any ear for voice.
    return [HEADING.sub("", path.read_text(encoding="utf-8", errors="replace")) for path in strangers]


def as_long_as(pairs: Sequence[Row], settings: Court) -> Court:
    """The court's settings, its passages no longer than what is voted on: who tells 200 words may not tell 60."""
    lengths = [len(pair[side].split()) for pair in pairs for side in "xy"]
    usual = max(SHORTEST_WORDS, round(median(lengths))) if lengths else settings.words
    return settings.model_copy(update={"words": min(settings.words, usual)})


def agree_on_cost(seated: Sequence[Seated], wanted: dict[str, list[Ask]], limit_usd: float, agreed: bool) -> None:
    """Say what judging may cost, and stop for consent above the limit. Answers count in full, cached ones too."""
    total = 0.0
    for judge in seated:
        questions = wanted[judge.name]
        usd = cost(
            judge.settings, sum(map(estimate_tokens, questions)), len(questions) * judge.settings.max_tokens // 2
        )
        total += usd
        if usd:
            print(f"{judge.name}: {len(questions)} questions, at most about {usd:.2f} US dollars")
    if total > limit_usd and not agreed:
        if sys.stdin.isatty() and input(f"Judging may cost {total:.2f} US dollars. Go on? [y/N] ").lower() == "y":
            return
        raise UserError(
            f"judging may cost {total:.2f} US dollars, and blind.ask_above_usd is {limit_usd:.2f}",
            hint='yes=1 agrees to it, SET="blind.ask_above_usd=..." raises the limit',
        )


def put(judge: Seated, wanted: list[Ask], votes: Appender, left_usd: float | None, what: str) -> Progress:
    """Put the questions to one judge with a progress bar, and say what came of it."""
    with Bar(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"{judge.name}: {what}", total=len(wanted))
        done = put_questions(
            judge.name,
            judge.settings,
            judge.identity,
            judge.asker,
            wanted,
            votes,
            may_spend_usd=left_usd,
            tell=lambda p: bar.update(task, completed=p.asked + p.reused),
        )
    said = f"{judge.name}: {what}: {done.asked} asked, {done.reused} known already, {done.unscored} unscored"
    print(said + (f", {done.usd:.4f} US dollars" if done.usd else ""))
    return done


def court_of(judge: Seated, cases: Cases, trials: Appender, settings: Court) -> dict[str, Any]:
    """What the court finds from all this judge has answered so far, in this and in earlier runs of the command."""
    rows = [row for row in trials.rows if row["judge"] == judge.name and row["pair"] in cases.truth]
    kept = vote_files.latest(rows)
    errors = [row["error"] for row in kept if row["vote"] is None and row.get("error")]
    return try_judge(vote_files.opinions(kept, cases.pairs), cases, settings, errors)


@exits_cleanly
def main() -> None:
    name, options = arguments.parse(__doc__, {"judges": None, "yes": None})
    run, settings = Run(name), recipes.load(name)
    blind = settings.blind
    pairs = pair_files.read(run.pairs_path)
    chosen = options["judges"].split(",") if options["judges"] else list(settings.judges)
    seated = seat(run, chosen, settings.judges)
    baseline = run.generations_path("baseline")
    base = [row["text"] or "" for row in read_rows(baseline)] if baseline.exists() else []
    court = as_long_as(pairs, blind.court)
    cases = hold(author_texts(run, "heldout", "val"), impostors(settings), base, court, blind.references, blind.seed)
    write_rows(run.blind_dir / "cases.jsonl", [{**row, "truth": cases.truth[row["id"]]} for row in cases.pairs])
    trial_asks = list(asks(cases.pairs, ["voice"]))
    vote_asks = {
        judge.name: list(asks(pairs, questions_of(judge.name, judge.settings, blind.rubric), blind.rubric))
        for judge in seated
    }
    agree_on_cost(seated, {n: trial_asks + v for n, v in vote_asks.items()}, blind.ask_above_usd, options["yes"] == "1")
    with Appender(run.votes_path) as votes, Appender(run.blind_dir / "trials.jsonl") as trials:
        # What earlier runs of this command cost counts towards the same budget.
        spent = sum(float(row.get("usd", 0)) for row in [*votes.rows, *trials.rows])
        left_usd = None if blind.stop_above_usd is None else blind.stop_above_usd - spent
        stopped: list[str] = []
        for judge in seated:
            tried = put(judge, trial_asks, trials, left_usd, "court")
            left_usd = None if left_usd is None else left_usd - tried.usd
            if tried.stopped:
                # Not its fault as a judge, perhaps: the court sits again when the answers are complete.
                stopped.append(f"{judge.name}: {tried.stopped}")
                continue
            found = court_of(judge, cases, trials, court)
            record(run, judge.name, found)
            print(f"{judge.name}: {found['why']}")
            if found["qualified"] or judge.settings.kind == "stylometric":
                voted = put(judge, vote_asks[judge.name], votes, left_usd, "pairs")
                left_usd = None if left_usd is None else left_usd - voted.usd
                stopped += [f"{judge.name}: {voted.stopped}"] if voted.stopped else []
    if stopped:
        raise UserError(
            stopped, hint="put it right and run the same command: what was answered is kept, and not paid twice"
        )


def record(run: Run, judge: str, found: dict[str, Any]) -> None:
    """Add one judge's trial to blind/court.json, which the verdict reads."""
    path = run.court_path
    document = read_json(path) if path.exists() else {"judges": {}}
    document["judges"][judge] = found
    write_json(path, document)


if __name__ == "__main__":
    main()
