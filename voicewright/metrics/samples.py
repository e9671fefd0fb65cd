"""What a run has on disk to be measured: the author's texts, and what every arm answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicewright.core.documents.base import read_document, read_documents
from voicewright.core.documents.generation import Generation, Likelihood, LmEvalResult
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.rows import TrainingRow

BASE = "baseline"
# An arm that answered a smaller share of the prompts is left out; otherwise all arms would be cut down to its prompts.
MIN_ANSWERED = 0.5


@dataclass(frozen=True)
class AuthorTexts:
    """The author's words in the rows of one split."""

    texts: list[str]
    sources: list[str]
    """The source of each text."""
    sections: set[tuple[str, str]]
    """(work, section) of each row; (work, source) of a conversation or mode sample that has no section."""


def read_author_texts(run: Run, split: str) -> AuthorTexts:
    """The author's words in all rows of a split, whatever their shape."""
    texts, sources, sections = [], [], set()
    for path in sorted(run.data_dir.glob(f"*/{split}.jsonl")):
        for row in read_documents(path, TrainingRow):
            texts += row.author_texts
            sources += [row.source] * len(row.author_texts)
            stands_alone = row.messages is not None or row.is_mode_sample
            sections.add((str(row.work), str(row.section or (row.source if stands_alone else None))))
    return AuthorTexts(texts, sources, sections)


def read_generations(run: Run) -> dict[str, list[Generation]]:
    """The generations of every arm, the base first. Raises UserError where there are none."""
    arms = _read_arms(run.generations_dir)
    if not arms:
        raise UserError(f"{run.generations_dir}: no generations", hint=f"make generate RUN={run.name}")
    return arms


def read_prefixes(run: Run) -> dict[str, list[Generation]]:
    """Every arm's continuations of training text, the base first; empty where none were generated."""
    return _read_arms(run.prefixes_dir)


def _read_arms(folder: Path) -> dict[str, list[Generation]]:
    arms = {path.stem: list(read_documents(path, Generation)) for path in folder.glob("*.jsonl")}
    return {arm: arms[arm] for arm in sorted(arms, key=lambda arm: (arm != BASE, arm)) if arms[arm]}


def read_likelihoods(run: Run) -> dict[str, dict[str, Likelihood]]:
    """By arm and held-out row, how likely the arm finds the row; empty where no likelihoods were measured."""
    arms = {
        path.stem: {row.id: row for row in read_documents(path, Likelihood)}
        for path in sorted(run.likelihood_dir.glob("*.jsonl"))
    }
    return {arm: rows for arm, rows in arms.items() if rows}


def read_tasks(run: Run) -> dict[str, LmEvalResult]:
    """Every arm's scores on the tasks of lm-evaluation-harness; empty where the recipe names none."""
    return {path.stem: read_document(path, LmEvalResult) for path in sorted(run.lm_eval_dir.glob("*.json"))}


def given_text(row: Generation) -> str:
    """Everything that an answer may repeat without copying: the conversation before the prompt, and the prompt."""
    return f"{row.before}\n\n{row.prompt}"


def texts_by_prompt(rows: Sequence[Generation], *, in_field: bool) -> dict[str, list[str]]:
    """By prompt in (or outside) the author's field, the answers in the order of their samples, without failed ones."""
    texts: dict[str, list[str]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.prompt_id, row.sample)):
        if row.is_out_of_domain != in_field and not row.error:
            texts[row.prompt_id].append(row.text)
    return dict(texts)


def shared_prompts(texts: Mapping[str, Mapping[str, Sequence[str]]]) -> tuple[list[str], dict[str, str]]:
    """The prompts that every arm answered, and by arm the reason why it is left out: it answered too few.

    Raises UserError where no prompt is shared.
    """
    prompts = set().union(*(set(by_prompt) for by_prompt in texts.values()))
    left_out = {
        arm: f"only {len(by_prompt)} of {len(prompts)} prompts were answered"
        for arm, by_prompt in texts.items()
        if len(by_prompt) < MIN_ANSWERED * len(prompts)
    }
    answered = [set(by_prompt) for arm, by_prompt in texts.items() if arm not in left_out]
    shared = sorted(set.intersection(*answered)) if answered else []
    if not shared:
        raise UserError(
            "the arms have no prompt in the author's field in common", hint="make generate RUN=<run> FORCE=<arm>"
        )
    return shared, left_out
