"""The panel: qualify the recipe's judges, then let them vote on the pairs in both orders: RUN -> blind/votes.jsonl.

A judge that does not qualify is not asked about the pairs, except the built-in one, which costs nothing and whose rate
is shown without being counted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from voicewright.core import credentials
from voicewright.core.documents.base import read_document, read_documents, write_document, write_documents
from voicewright.core.documents.generation import Generation
from voicewright.core.documents.judging import JudgeQualification, JudgeQualifications, Pair
from voicewright.core.errors import UserError
from voicewright.core.paths import SAMPLE_DIR, Run
from voicewright.core.progress import bar
from voicewright.core.rows import TrainingRow, read_prompt_format
from voicewright.judging.endpoint_judge import QUESTIONS, endpoint_judge, max_cost
from voicewright.judging.judge_qualification import Cases, draw_cases, qualify
from voicewright.judging.judges import PanelJudge, Progress, Question, collect_votes, questions_on
from voicewright.judging.pairs import read_pairs
from voicewright.judging.stylometric_judge import stylometric_judge
from voicewright.judging.votes import VoteLog, latest_votes, opinions
from voicewright.recipe import recipes
from voicewright.recipe.schema import Judge, QualificationSettings, Recipe

HEADING = re.compile(r"^#.*$\n?", re.MULTILINE)
MIN_CASE_WORDS = 40
IMPOSTERS_DIR = Path(__file__).parent / "imposters"


def author_texts(run: Run, *splits: str) -> list[str]:
    """The author's words in the rows of some splits, a text for each row that holds any."""
    shape = read_prompt_format(run.stats_path).shape if run.stats_path.exists() else "completion"
    paths = [run.rows_path(shape, split) for split in splits]
    rows = [row for path in paths if path.exists() for row in read_documents(path, TrainingRow)]
    return [row.author_text for row in rows if row.author_text]


def assemble_panel(run: Run, names: Sequence[str], judges: Mapping[str, Judge]) -> list[PanelJudge]:
    """The named judges, ready to be asked. Raises UserError naming every judge that is unknown or lacks a key."""
    problems = [
        f"JUDGES={name}: the recipe has no such judge; it has {', '.join(judges)}"
        for name in names
        if name not in judges
    ]
    problems += [
        f"judges.{name}: {env} is neither in the environment nor in .env"
        for name in names
        if name in judges and (env := judges[name].api_key_env) and credentials.find(env) is None
    ]
    if problems:
        raise UserError(problems, hint="export the key, or write NAME=value into .env beside the Makefile")
    return [_panel_judge(run, name, judges[name]) for name in names]


def _panel_judge(run: Run, name: str, settings: Judge) -> PanelJudge:
    if settings.kind == "endpoint":
        return endpoint_judge(name, settings)
    texts = author_texts(run, "train")
    if not texts:
        raise UserError(
            f"{run.data_dir}: the built-in judge needs the author's training passages",
            hint=f"make prepare RUN={run.name}",
        )
    return stylometric_judge(name, texts)


def question_names(name: str, settings: Judge, rubric: Mapping[str, str]) -> list[str]:
    """The names of a judge's questions, `rubric` spelt out. Raises UserError for a question that has no wording."""
    if settings.kind == "stylometric":
        return ["voice"]
    questions = [q for item in settings.questions for q in (rubric if item == "rubric" else [item])]
    unknown = sorted(set(questions) - {*QUESTIONS, *rubric})
    if unknown:
        raise UserError(
            f"judges.{name}.questions: {', '.join(unknown)}: not voice, quality, rubric or an item of blind.rubric"
        )
    return questions


def imposter_texts(recipe: Recipe) -> list[str]:
    """Texts of other writers for the qualification: of the recipe's folder, or a few of ours and the sample manuscript.

    Files of the author's own material are left out. Raises UserError where the recipe's folder does not exist.
    """
    folders = [IMPOSTERS_DIR, SAMPLE_DIR]
    if recipe.blind.judge_qualification.manuscripts:
        folders = [Path(recipe.blind.judge_qualification.manuscripts).expanduser()]
        if not folders[0].is_dir():
            raise UserError(f"blind.judge_qualification.manuscripts: {folders[0]} is not a folder")
    own = [path.resolve() for path in recipes.source_paths(recipe).values()]
    files = [path for folder in folders for path in sorted(folder.glob("*")) if path.suffix in (".txt", ".md")]
    others = [path for path in files if not any(path.resolve().is_relative_to(source) for source in own)]
    # A heading in one of two texts would give it away.
    return [HEADING.sub("", path.read_text(encoding="utf-8", errors="replace")) for path in others]


def at_pair_length(settings: QualificationSettings, pairs: Sequence[Pair]) -> QualificationSettings:
    """The settings with passages no longer than the pairs usually are: 60 words are harder to tell apart than 200."""
    lengths = [len(text.split()) for pair in pairs for text in (pair.x, pair.y)]
    usual = max(MIN_CASE_WORDS, round(median(lengths))) if lengths else settings.words
    return settings.model_copy(update={"words": min(settings.words, usual)})


def confirm_cost(
    judges: Mapping[str, Judge],
    questions: Mapping[str, Sequence[Question]],
    limit_usd: float,
    *,
    agreed: bool,
    agree_command: str,
) -> None:
    """Print what the questions may cost, and ask for consent above the limit. Cached answers are not deducted.

    Raises UserError without consent; `agree_command` is the command that gives it.
    """
    total = 0.0
    for name, of_judge in questions.items():
        usd = max_cost(judges[name], of_judge)
        total += usd
        if usd:
            print(f"{name}: {len(of_judge)} questions, at most about {usd:.2f} US dollars")
    if total > limit_usd and not agreed:
        if sys.stdin.isatty() and input(f"Judging may cost {total:.2f} US dollars. Go on? [y/N] ").lower() == "y":
            return
        raise UserError(
            f"judging may cost {total:.2f} US dollars, and blind.ask_above_usd is {limit_usd:.2f}",
            hint=agree_command,
        )


def ask_with_progress(
    judge: PanelJudge, questions: Sequence[Question], log: VoteLog, budget_usd: float | None, title: str
) -> Progress:
    """Ask one judge with a progress bar, and print what came of it."""
    with bar(f"{judge.name}: {title}", len(questions)) as advance:
        progress = collect_votes(judge, questions, log, budget_usd=budget_usd, report=advance)
    figures = f"{progress.asked} asked, {progress.reused} reused, {progress.unscored} unscored"
    print(f"{judge.name}: {title}: {figures}" + (f", {progress.usd:.4f} US dollars" if progress.usd else ""))
    return progress


def qualification_of(
    judge: PanelJudge, cases: Cases, trials: VoteLog, settings: QualificationSettings
) -> JudgeQualification:
    """The qualification of a judge from all its answers, of this and of earlier runs of the command."""
    ids = {case.id for case in cases.cases}
    votes = latest_votes(vote for vote in trials.votes if vote.judge == judge.name and vote.pair in ids)
    errors = [vote.error for vote in votes if vote.vote is None and vote.error]
    return qualify(opinions(votes, cases.cases), cases, settings, errors)


def judge_run(run: Run, recipe: Recipe, names: Sequence[str] = (), *, agreed: bool = False) -> None:
    """Qualify the named judges (all of the recipe by default) and append their votes to blind/votes.jsonl.

    Raises UserError where a judge stopped; a rerun asks only what has no answer yet.
    """
    blind = recipe.blind
    pairs = read_pairs(run.pairs_path, hint=f"make pair RUN={run.name}")
    names = names or list(recipe.judges)
    panel = assemble_panel(run, names, recipe.judges)
    base_path = run.generations_path("baseline")
    base = [generation.text for generation in read_documents(base_path, Generation)] if base_path.exists() else []
    settings = at_pair_length(blind.judge_qualification, pairs)
    cases = draw_cases(
        author_texts(run, "heldout", "val"), imposter_texts(recipe), base, settings, blind.references, blind.seed
    )
    write_documents(run.cases_path, cases.cases)
    case_questions = questions_on(cases.cases, ["voice"])
    pair_questions = {
        name: questions_on(pairs, question_names(name, recipe.judges[name], blind.rubric), blind.rubric)
        for name in names
    }
    confirm_cost(
        recipe.judges,
        {name: [*case_questions, *questions] for name, questions in pair_questions.items()},
        blind.ask_above_usd,
        agreed=agreed,
        agree_command=f"make judge RUN={run.name} YES=1",
    )
    with VoteLog(run.votes_path) as votes, VoteLog(run.trials_path) as trials:
        # The budget is for all runs of this command together.
        spent = sum(vote.usd or 0.0 for vote in [*votes.votes, *trials.votes])
        budget_usd = None if blind.stop_above_usd is None else blind.stop_above_usd - spent
        stopped: list[str] = []
        for judge in panel:
            progress = ask_with_progress(judge, case_questions, trials, budget_usd, "qualification")
            budget_usd = None if budget_usd is None else budget_usd - progress.usd
            if progress.stopped:
                # Perhaps not the judge's fault: it is qualified once the answers are complete.
                stopped.append(f"{judge.name}: {progress.stopped}")
                continue
            qualification = qualification_of(judge, cases, trials, settings)
            _write_qualification(run, judge.name, qualification)
            print(f"{judge.name}: {qualification.why}")
            if qualification.qualified or judge.kind == "built-in":
                progress = ask_with_progress(judge, pair_questions[judge.name], votes, budget_usd, "pairs")
                budget_usd = None if budget_usd is None else budget_usd - progress.usd
                stopped += [f"{judge.name}: {progress.stopped}"] if progress.stopped else []
    if stopped:
        raise UserError(
            stopped,
            hint=f"make judge RUN={run.name} goes on from here: what was answered is neither asked nor paid for again",
        )


def _write_qualification(run: Run, judge: str, qualification: JudgeQualification) -> None:
    """Add one judge's qualification to blind/court.json, which the verdict reads."""
    path = run.qualification_path
    document = read_document(path, JudgeQualifications) if path.exists() else JudgeQualifications(judges={})
    document.judges[judge] = qualification
    write_document(path, document)
