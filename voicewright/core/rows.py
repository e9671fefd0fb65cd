"""Training rows, the author's words in them, and the prompt format that they are trained in.

What counts as the author's words is decided here and nowhere else: the loss is taken on them, profiles are built from
them, judges are shown them, and copying is measured against them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from voicewright.core.documents.base import Document, read_document
from voicewright.core.errors import UserError

T = TypeVar("T")
Mode = Literal["dual", "emulation", "agent"]
# Of each mode, the tag around what is asked and the tag around the answer.
MODE_TAGS: dict[str, tuple[str, str]] = {
    "dual": ("thought", "world"),
    "emulation": ("user", "assistant"),
    "agent": ("instruction", "action"),
}
_ANSWER = re.compile(rf"\s*<({'|'.join(tag for _, tag in MODE_TAGS.values())})>(.*?)(?:</\1>|\Z)", re.DOTALL)


class Message(Document):
    """One turn of a conversation, in the spelling that Axolotl and chat templates take."""

    role: str
    content: str | list[Any] | None = None
    """Text; None or a list of parts where the turn is a tool call or holds more than text."""
    train: bool | None = None
    """Whether the loss is taken on this turn. Absent: on assistant turns."""

    @property
    def text(self) -> str:
        """The text of the turn; "" where it has none."""
        return self.content if isinstance(self.content, str) else ""

    @property
    def is_authors(self) -> bool:
        """Whether the turn is in the author's voice: a text of the assistant that is trained on, not a tool call."""
        written = self.role == "assistant" and self.train is not False and bool(self.text.strip())
        return written and not (self.model_extra or {}).get("tool_calls")


class TrainingRow(Document):
    """One row of `data/<shape>/<split>.jsonl`. The payload is `text`, or `messages`, or `messages` with a pair."""

    id: str
    """Hash of the payload."""
    source: str
    """File, and the page or character span in it."""
    cleaned: str | None = None
    """Of prose: the same characters in the file of the cleaned text, below data/."""
    work: str | None = None
    section: str | None = None
    mode: str | None = None
    """Of a sample of a mode: dual, emulation or agent."""
    tokens: int
    """Length in the base model's tokens, its template included."""
    synthetic: str | None = None
    """Of a passage in the author's style that a model wrote: the model."""
    text: str | None = None
    messages: list[Message] | None = None
    chosen: Message | None = None
    rejected: Message | None = None

    @property
    def is_mode_sample(self) -> bool:
        """Whether the row is a sample of a mode, its prompt and answer between tags."""
        return self.mode in MODE_TAGS and self.text is not None

    @property
    def author_texts(self) -> list[str]:
        """The author's words in the row, one text for each passage, reply or turn."""
        if self.is_mode_sample:
            return [self.mode_answer]
        if self.text is not None:
            return [self.text]
        if self.chosen is not None:
            return [self.chosen.text]
        return [message.text for message in self.messages or [] if message.is_authors]

    @property
    def author_text(self) -> str:
        """The author's words in the row as one text."""
        return "\n\n".join(self.author_texts)

    @property
    def all_text(self) -> str:
        """Every word of the row, whoever wrote it: what checks for secrets and duplicates read."""
        if self.text is not None:
            return self.text
        turns = [*(self.messages or []), *(turn for turn in (self.chosen, self.rejected) if turn is not None)]
        return "\n\n".join(turn.text for turn in turns)

    @property
    def mode_prompt(self) -> str:
        """Of a sample of a mode: everything before the answer's tag, with whatever a family of models puts there."""
        text = self.text or ""
        return text[: text.index(f"<{MODE_TAGS[str(self.mode)][1]}>")]

    @property
    def mode_question(self) -> str:
        """Of a sample of a mode: what it answers, without the tags."""
        tag = MODE_TAGS[str(self.mode)][0]
        return self.mode_prompt.partition(f"<{tag}>")[2].rpartition(f"</{tag}>")[0]

    @property
    def mode_answer(self) -> str:
        """Of a sample of a mode: the answer, without the tags."""
        return without_mode_tags((self.text or "")[len(self.mode_prompt) :])


class PromptFormat(Document):
    """How the model was trained to be asked. `prepare` decides it; every later stage reads it from stats.json."""

    shape: Literal["completion", "chat", "preference"] = "completion"
    """The shape of most rows."""
    prompt: Literal["raw", "chat"] = "raw"
    """raw: text that the model continues. chat: messages in the model's template."""
    system: str | None = None
    """The system prompt that the rows have in common."""
    special_tokens: int = 0
    """Special tokens that the tokenizer adds to a raw text."""
    open_ended: bool = False
    """Whether a row ends where it was cut, not where its text is over."""
    stop: str | None = None
    """What ends an answer, where the model's own end of text does not."""

    @property
    def is_chat(self) -> bool:
        return self.prompt == "chat"


class _FormatOfStats(Document):
    format: PromptFormat


def read_prompt_format(stats_path: Path) -> PromptFormat:
    """How the model of a run is asked, from its stats.json. Raises UserError before `prepare` has run."""
    if not stats_path.exists():
        run = stats_path.parent.parent.name
        raise UserError(f"{stats_path}: run {run!r} has no training data yet", hint=f"make prepare RUN={run}")
    return read_document(stats_path, _FormatOfStats).format


def evenly_spaced(items: Sequence[T], count: int) -> list[T]:
    """`count` of the items at even distances, in their order; all of them if there are no more."""
    if count >= len(items):
        return list(items)
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]


def without_mode_tags(answer: str) -> str:
    """An answer without the tags of a mode; one that does not open with a tag as it is."""
    match = _ANSWER.match(answer)
    return match[2].strip() if match else answer


def mode_frame(rows: Sequence[TrainingRow]) -> tuple[str, str] | None:
    """What stands before and after a prompt in a sample of the mode `emulation`, else of the first row's mode.

    None where the rows are not all samples of modes.
    """
    if not rows or not all(row.is_mode_sample for row in rows):
        return None
    row = next((row for row in rows if row.mode == "emulation"), rows[0])
    before, question, after = row.mode_prompt.partition(row.mode_question)
    return (before, after) if question else None
