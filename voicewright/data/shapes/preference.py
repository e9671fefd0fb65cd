"""The shape `preference`: a conversation with a better and a worse reply, in the four usual spellings.

prompt/chosen/rejected as strings; chosen and rejected as whole conversations; ShareGPT's conversations with two
replies; messages with two replies. Rows come out as Axolotl's DPO reads them: messages, chosen, rejected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from voicewright.core.rows import Message, TrainingRow
from voicewright.data.chat_templates import Template
from voicewright.data.errors import Unreadable, parsing_foreign_data
from voicewright.data.readers import json_rows
from voicewright.data.readers.conversations import Turn, read_turns
from voicewright.data.readers.json_rows import JsonObject, JsonRow
from voicewright.data.shapes.base import PreparedRow, ShapeContext, ShapeOutput, shape, with_id
from voicewright.data.shapes.chat import count_tokens, required_template, with_system, without_control_tokens

_HUMAN = re.compile(r"(?:\A|\n\n)(Human|Assistant): ?")
REPLIES = {
    "chosen": ("chosen", "chosen_response", "preferred", "win"),
    "rejected": ("rejected", "rejected_response", "dispreferred", "lose"),
}


@dataclass(frozen=True)
class Pair:
    """A conversation with a better and a worse reply."""

    turns: list[Turn]
    chosen: Turn
    rejected: Turn


@shape("preference", rows="preference")
def preferences(context: ShapeContext) -> ShapeOutput:
    """Preference pairs of all files of a source."""
    output = ShapeOutput()
    template = required_template(context)
    for file, json_row in json_rows.read_all(context.files, output.problems):
        try:
            _add(output, json_row.place, read_pair(json_row), PurePath(file.label).stem, context, template)
        except Unreadable as error:
            output.problems.append(f"{json_row.place}: {error.what}")
    return output


@parsing_foreign_data()
def read_pair(row: JsonRow) -> Pair:
    """The conversation, the better reply and the worse one. Raises Unreadable."""
    value = row.value
    chosen, rejected = (_reply(value, names) for names in REPLIES.values())
    if chosen is None or rejected is None:
        labelled = "label" in value or "kto_tag" in value
        raise Unreadable(
            "has a label on one reply (KTO): DPO needs two replies to one prompt"
            if labelled
            else f"lacks chosen or rejected, its keys are {', '.join(list(value)[:8])}"
        )
    turns = _prompt(value)
    if isinstance(chosen, list) and isinstance(rejected, list):
        better, worse = [*read_turns(chosen)], [*read_turns(rejected)]
        if not better or not worse:
            raise Unreadable("has an empty conversation in chosen or rejected")
        turns = [*turns, *better[:-1]] if len(better) > 1 and not _opens(turns, better) else turns or better[:-1]
        pair = Pair(turns, better[-1], worse[-1])
    elif isinstance(chosen, str) and isinstance(rejected, str) and not turns and _HUMAN.match(chosen):
        dialogue, other = _dialogue(chosen), _dialogue(rejected)
        pair = Pair(dialogue[:-1], dialogue[-1], other[-1])
    else:
        pair = Pair(turns, _turn(chosen), _turn(rejected))
    if not any(turn.role == "user" for turn in pair.turns):
        raise Unreadable("has no prompt that the two replies answer")
    return pair


def _reply(value: JsonObject, names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _prompt(value: JsonObject) -> list[Turn]:
    if value.get("conversations") or value.get("messages"):
        return [*read_turns(value.get("conversations") or value["messages"])]
    prompt = value.get("prompt") or value.get("question") or value.get("instruction") or ""
    if isinstance(prompt, list):
        return [*read_turns(prompt)]
    prompt = str(prompt) + (f"\n\n{value['input']}" if value.get("input") else "")
    system = [Turn("system", str(value["system"]), "system")] if value.get("system") else []
    if _HUMAN.match(prompt):
        return [*system, *_dialogue(prompt)]
    return [*system, Turn("user", prompt, "user")] if prompt else system


def _opens(turns: list[Turn], whole: list[Turn]) -> bool:
    """Whether the prompt is already the beginning of the whole conversation."""
    prompt = [turn.content.strip() for turn in turns if turn.role != "system"]
    return bool(prompt) and prompt == [turn.content.strip() for turn in whole if turn.role != "system"][: len(prompt)]


def _dialogue(text: str) -> list[Turn]:
    """Anthropic's HH spelling: blank line, `Human:` or `Assistant:`."""
    parts = _HUMAN.split(text)[1:]
    roles = {"Human": "user", "Assistant": "assistant"}
    turns = [Turn(roles[name], words.strip(), name) for name, words in zip(parts[::2], parts[1::2], strict=True)]
    return [turn for turn in turns if turn.content] or turns


def _turn(reply: Any) -> Turn:
    """A reply as a turn: of an object, of the end of a list, or of a string."""
    if isinstance(reply, dict):
        return next(read_turns([{"role": "assistant", **reply}]))
    if isinstance(reply, list):
        turns = [*read_turns(reply)]
        return turns[-1] if turns else Turn("assistant", "")
    return Turn("assistant", str(reply))


def _add(output: ShapeOutput, place: str, pair: Pair, work: str, context: ShapeContext, template: Template) -> None:
    chosen, rejected = pair.chosen.content.strip(), pair.rejected.content.strip()
    words = len(chosen.split()) + len(rejected.split())
    reason = (
        "the two replies are the same" if chosen == rejected
        else "one of the replies is empty" if not chosen or not rejected
        else "the chosen reply is a tool call" if pair.chosen.is_tool_call
        else None
    )  # fmt: skip
    if reason:
        output.drop(place, reason, words)
        return
    messages = [Message(role=turn.role, content=turn.content.strip()) for turn in pair.turns]
    messages = [Message(role=message.role, content=message.text) for message in with_system(messages, place, context)]
    *messages, better, worse = without_control_tokens(
        [
            *messages,
            Message(role="assistant", content=chosen),
            Message(role="assistant", content=rejected),
        ],
        context,
    )
    tokens = max(count_tokens([*messages, reply], context, template) for reply in (better, worse))
    if tokens > context.max_tokens:
        reason = f"the longer side has {tokens} tokens, more than max_tokens ({context.max_tokens})"
        output.drop(place, reason, words)
        return
    row = TrainingRow(id="", source=place, work=work, tokens=tokens, messages=messages, chosen=better, rejected=worse)
    output.rows.append(PreparedRow(with_id(row), context.source_name, place, place))
