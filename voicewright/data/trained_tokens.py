"""A training row as Axolotl tokenises it, and which of its tokens the loss is taken on.

The rules are those of Axolotl 0.19: `completion`, `chat_template` (prompt_strategies/chat_template.py) and, for
preferences, `dpo/chat_template.py`. An engine test compares the result with Axolotl's own on every shape.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from tokenizers import Encoding

from voicewright.core.errors import UserError
from voicewright.core.rows import Message, TrainingRow
from voicewright.data import chat_templates, tokenizers
from voicewright.data.chat_templates import Template
from voicewright.data.tokenizers import TokenCounter
from voicewright.recipe.schema import Recipe

# A turn is found by rendering the conversation with another text in its place. With two texts that begin and end
# differently, a character that the turn shares with one of them is not lost.
PLACEHOLDERS = ("[[dummy_message]]", "zzdummymessagezz")
# The end-of-turn token is looked for this far behind a turn: a template may put a newline or two before it.
MAX_END_DISTANCE = 3


class Segment(NamedTuple):
    """Neighbouring tokens of a row, as text."""

    text: str
    is_trained: bool
    """Whether the loss is taken on them."""


@dataclass(frozen=True)
class RowTokenizer:
    """A base model's tokenizer and chat template, as a recipe uses them."""

    counter: TokenCounter
    template: Template | None
    axolotl: Mapping[str, Any]

    def segments(self, row: TrainingRow) -> list[Segment]:
        """A row as the model sees it. Raises UserError for messages without a chat template."""
        if row.text is not None:
            return self._completion(row.text)
        if row.chosen is not None and row.rejected is not None:
            return self._preference(row.messages or [], row.chosen, row.rejected)
        return self._chat(row.messages or [])

    def _completion(self, text: str) -> list[Segment]:
        ids = self.counter.tokenizer.encode(text).ids[: self.axolotl["sequence_len"]]
        eos = self._id(self.counter.eos)
        if eos is not None and ids and ids[-1] != eos and len(ids) < self.axolotl["sequence_len"]:
            ids.append(eos)
        return self._segments(ids, [True] * len(ids))

    def _chat(self, turns: Sequence[Message]) -> list[Segment]:
        text = self._render(turns)
        encoding = self.counter.tokenizer.encode(text, add_special_tokens=False)
        is_trained = [False] * len(encoding.ids)
        for index, turn in enumerate(turns):
            by_role = turn.role == "assistant" or bool(self.axolotl.get("train_on_inputs"))
            if not (by_role if turn.train is None else turn.train):
                continue
            begin, end = self._turn_tokens(turns, index, text, encoding)
            is_trained[begin:end] = [True] * (end - begin)
            for position in self._end_tokens(encoding.ids, end):
                is_trained[position] = True
        return self._segments(encoding.ids, is_trained)

    def _preference(self, messages: Sequence[Message], chosen: Message, rejected: Message) -> list[Segment]:
        prompt = self._render(messages, prompt=True)
        return [
            Segment(prompt, False),
            Segment(f"\n[chosen] {self._reply(chosen)}", True),
            Segment(f"\n[rejected] {self._reply(rejected)}", False),
        ]

    def _reply(self, reply: Message) -> str:
        """A reply and what ends its turn, from a conversation of two turns."""
        text = self._render([Message(role="user", content=PLACEHOLDERS[0]), reply])
        return text[text.find(reply.text) :].rstrip()

    def _render(self, turns: Sequence[Message], *, prompt: bool = False) -> str:
        if self.template is None:
            raise UserError(f"{self.counter.folder}: no chat template", hint="axolotl.chat_template=chatml")
        return self.template.render(turns, prompt=prompt)

    def _turn_tokens(self, turns: Sequence[Message], index: int, text: str, encoding: Encoding) -> tuple[int, int]:
        """The tokens of a turn's content: begin and end."""
        spans = []
        for placeholder in PLACEHOLDERS:
            turn = Message(role=turns[index].role, content=placeholder)
            spans.append(_differing_span(text, self._render([*turns[:index], turn, *turns[index + 1 :]])))
        begin, end = min(span[0] for span in spans), max(span[1] for span in spans)
        if end <= begin:
            return 0, 0
        starts, ends = [start for start, _ in encoding.offsets], [stop for _, stop in encoding.offsets]
        return bisect_right(ends, begin), bisect_left(starts, end)

    def _end_tokens(self, ids: Sequence[int], turn_end: int) -> list[int]:
        """The positions of the end-of-turn and end-of-text tokens that belong to the turn before."""
        positions = []
        for names in (self.axolotl.get("eot_tokens") or [self.counter.eos], [self.counter.eos]):
            token_ids = {self._id(name) for name in names} - {None}
            position = next((i for i in range(turn_end, len(ids)) if ids[i] in token_ids), None)
            if position is not None and position - turn_end <= MAX_END_DISTANCE:
                positions.append(position)
        return positions

    def _id(self, token: str | None) -> int | None:
        return self.counter.tokenizer.token_to_id(token) if token else None

    def _segments(self, ids: Sequence[int], is_trained: Sequence[bool]) -> list[Segment]:
        """Neighbouring tokens of the same kind as one text, so that characters of several tokens are whole."""
        pairs = groupby(zip(ids, is_trained, strict=True), key=lambda pair: pair[1])
        decode = self.counter.tokenizer.decode
        return [Segment(decode([i for i, _ in group], skip_special_tokens=False), kind) for kind, group in pairs]


def load(recipe: Recipe) -> RowTokenizer:
    """The tokenizer and the chat template of a recipe's base model. Raises UserError if they are out of reach."""
    counter = tokenizers.load(str(recipe.axolotl["base_model"]), recipe.axolotl)
    is_raw = {source.row_shape for source in recipe.data.sources.values()} == {"completion"}
    return RowTokenizer(
        counter, None if is_raw else chat_templates.load(counter.folder, recipe.axolotl), recipe.axolotl
    )


def _differing_span(text: str, other: str) -> tuple[int, int]:
    """The characters of `text` between what both begin with and what both end with."""
    limit = min(len(text), len(other))
    begin = next((i for i in range(limit) if text[i] != other[i]), limit)
    common_end = next((i for i in range(limit - begin) if text[-1 - i] != other[-1 - i]), limit - begin)
    return begin, len(text) - common_end
