"""What a run has on disk to be measured: the author's texts, the arms' generations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicewright.core import modes
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import Row, read_json, read_rows
from voicewright.metrics.forgetting import outside

BASE = "baseline"
# An arm that answered fewer of the prompts than this is left out, rather than all others cut down to it.
LEAST_ANSWERED = 0.5


@dataclass(frozen=True)
class Passages:
    """The author's rows of one split."""

    texts: list[str]
    sources: list[str]
    sections: set[tuple[str, str]]
    """(work, section) of each; of a conversation or a memory, (work, source)."""


def author_rows(run: Run, split: str) -> Passages:
    """What the author wrote, of all shapes: passages, replies, preferred replies."""
    texts, sources, sections = [], [], set()
    for path in sorted(run.data_dir.glob(f"*/{split}.jsonl")):
        for row in read_rows(path):
            found = row_texts(row)
            texts += found
            sources += [str(row.get("source", path.name))] * len(found)
            # A conversation or a memory that has no chapter is one of its own.
            alone = "messages" in row or modes.is_sample(row)
            place = row.get("section") or (row.get("source") if alone else None)
            sections.add((str(row.get("work")), str(place)))
    return Passages(texts, sources, sections)


def row_texts(row: Row) -> list[str]:
    """The author's own words in a row."""
    if modes.is_sample(row):
        return [modes.reply(row)]
    if "text" in row:
        return [str(row["text"])]
    if "chosen" in row:
        return [str(row["chosen"]["content"])]
    return [
        str(m["content"])
        for m in row.get("messages", [])
        if m["role"] == "assistant" and m.get("train", True) and isinstance(m["content"], str)
    ]


def read_arms(run: Run) -> dict[str, list[Row]]:
    """The generations of every arm, the base first. Raises UserError where there are none."""
    arms = _by_arm(run.generations_dir)
    if not arms:
        raise UserError(f"{run.generations_dir}: no generations", hint=f"make generate RUN={run.name}")
    return arms


def read_prefixes(run: Run) -> dict[str, list[Row]]:
    """How every arm continued openings of training text, the base first; empty where none were asked."""
    return _by_arm(run.prefixes_dir)


def read_tasks(run: Run) -> dict[str, dict[str, Any]]:
    """What every arm answered to the tasks of lm-evaluation-harness; empty where the recipe names none."""
    return {path.stem: read_json(path) for path in sorted(run.lm_eval_dir.glob("*.json"))}


def _by_arm(folder: Path) -> dict[str, list[Row]]:
    arms = {path.stem: list(read_rows(path)) for path in folder.glob("*.jsonl")}
    return {arm: arms[arm] for arm in sorted(arms, key=lambda arm: (arm != BASE, arm)) if arms[arm]}


def asked(row: Row) -> str:
    """All that an answer could repeat without copying: the conversation before the prompt, and the prompt."""
    return f"{row.get('before') or ''}\n\n{row['prompt']}"


def by_prompt(rows: Sequence[Row], in_field: bool) -> dict[str, list[str]]:
    """Texts of each prompt in (or outside) the author's field, in the order of their samples; failed ones left out."""
    texts: dict[str, list[str]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (str(row["prompt_id"]), int(row["sample"]))):
        if outside(row) != in_field and not row.get("error"):
            texts[str(row["prompt_id"])].append(str(row["text"] or ""))
    return dict(texts)


def shared_prompts(texts: Mapping[str, Mapping[str, Sequence[str]]]) -> tuple[list[str], dict[str, str]]:
    """Prompts that every arm answered, and the arms left out because they answered too few, with the reason.

    Raises UserError where nothing is shared.
    """
    asked = set().union(*(set(found) for found in texts.values()))
    left = {
        arm: f"only {len(found)} of {len(asked)} prompts were answered"
        for arm, found in texts.items()
        if len(found) < LEAST_ANSWERED * len(asked)
    }
    kept = [set(found) for arm, found in texts.items() if arm not in left]
    shared = sorted(set.intersection(*kept)) if kept else []
    if not shared:
        raise UserError("the arms have no prompt in the author's field in common", hint="make generate")
    return shared, left
