"""The shape `preference`: a conversation with a better and a worse reply, in the four usual spellings.

prompt/chosen/rejected as strings; chosen and rejected as whole conversations; ShareGPT's conversations with two
replies; messages with two replies. Rows come out as Axolotl's DPO reads them: messages, chosen, rejected.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from voicewright.data.chat_templates import Template
from voicewright.data.chats import Message, counted, needed, spelt_safely, with_system
from voicewright.data.conversations import Turn, spoken
from voicewright.data.document import Drop
from voicewright.data.errors import Unreadable, others_wrote_it
from voicewright.data.pieces import Context, Made, Piece, finished
from voicewright.data.readers import json_rows
from voicewright.data.readers.json_rows import Placed

_HUMAN = re.compile(r"(?:\A|\n\n)(Human|Assistant): ?")
REPLIES = {
    "chosen": ("chosen", "chosen_response", "preferred", "win"),
    "rejected": ("rejected", "rejected_response", "dispreferred", "lose"),
}


def make(context: Context) -> Made:
    """Preference pairs of all files of a source."""
    made = Made()
    template = needed(context)
    for file, placed in json_rows.every(context.files, made.problems):
        try:
            _add(made, placed, read_pair(placed), PurePath(file.label).stem, context, template)
        except Unreadable as error:
            made.problems.append(f"{placed.place}: {error.what}")
    return made


@others_wrote_it()
def read_pair(placed: Placed) -> tuple[list[Turn], str, str]:
    """The conversation, the better reply and the worse one. Raises Unreadable."""
    value = placed.value
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
        better, worse = [*spoken(chosen)], [*spoken(rejected)]
        if not better or not worse:
            raise Unreadable("has an empty conversation in chosen or rejected")
        turns = [*turns, *better[:-1]] if len(better) > 1 and not _opens(turns, better) else turns or better[:-1]
        return _ending_in_question(turns), better[-1].content, worse[-1].content
    if isinstance(chosen, str) and isinstance(rejected, str) and not turns and _HUMAN.match(chosen):
        dialogue, other = _dialogue(chosen), _dialogue(rejected)
        return _ending_in_question(dialogue[:-1]), dialogue[-1].content, other[-1].content
    return _ending_in_question(turns), _words(chosen), _words(rejected)


def _reply(value: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _prompt(value: dict[str, Any]) -> list[Turn]:
    if value.get("conversations") or value.get("messages"):
        return [*spoken(value.get("conversations") or value["messages"])]
    asked = value.get("prompt") or value.get("question") or value.get("instruction") or ""
    if isinstance(asked, list):
        return [*spoken(asked)]
    asked = str(asked) + (f"\n\n{value['input']}" if value.get("input") else "")
    system = [Turn("system", str(value["system"]), "system")] if value.get("system") else []
    if _HUMAN.match(asked):
        return [*system, *_dialogue(asked)]
    return [*system, Turn("user", asked, "user")] if asked else system


def _opens(turns: list[Turn], whole: list[Turn]) -> bool:
    """Whether the prompt is already the beginning of the whole conversation."""
    said = [turn.content.strip() for turn in turns if turn.role != "system"]
    return bool(said) and said == [turn.content.strip() for turn in whole if turn.role != "system"][: len(said)]


def _dialogue(text: str) -> list[Turn]:
    """Anthropic's HH spelling: blank line, `Human:` or `Assistant:`."""
    pieces = _HUMAN.split(text)[1:]
    roles = {"Human": "user", "Assistant": "assistant"}
    turns = [Turn(roles[name], words.strip(), name) for name, words in zip(pieces[::2], pieces[1::2], strict=True)]
    return [turn for turn in turns if turn.content] or turns


def _words(reply: Any) -> str:
    if isinstance(reply, dict):
        return next(spoken([{"role": "assistant", **reply}])).content
    if isinstance(reply, list):
        turns = [*spoken(reply)]
        return turns[-1].content if turns else ""
    return str(reply)


def _ending_in_question(turns: list[Turn]) -> list[Turn]:
    if not any(turn.role == "user" for turn in turns):
        raise Unreadable("has no prompt that the two replies answer")
    return turns


def _add(
    made: Made, placed: Placed, pair: tuple[list[Turn], str, str], work: str, context: Context, template: Template
) -> None:
    turns, chosen, rejected = pair
    words = len(chosen.split()) + len(rejected.split())
    if chosen.strip() == rejected.strip():
        made.dropped.append(Drop(placed.place, "the two replies are the same", words))
        return
    if not chosen.strip() or not rejected.strip():
        made.dropped.append(Drop(placed.place, "one of the replies is empty", words))
        return
    messages: list[Message] = [{"role": turn.role, "content": turn.content.strip()} for turn in turns]
    messages = [{k: v for k, v in m.items() if k != "train"} for m in with_system(messages, placed.place, context)]
    replies = {
        "chosen": {"role": "assistant", "content": chosen.strip()},
        "rejected": {"role": "assistant", "content": rejected.strip()},
    }
    messages = spelt_safely(messages, context)
    replies = {name: spelt_safely([reply], context)[0] for name, reply in replies.items()}
    tokens = max(counted([*messages, reply], context, template) for reply in replies.values())
    if tokens > context.high:
        reason = f"the longer side has {tokens} tokens, more than max_tokens ({context.high})"
        made.dropped.append(Drop(placed.place, reason, words))
        return
    row = {"source": placed.place, "work": work, "tokens": tokens, "messages": messages, **replies}
    made.pieces.append(Piece(finished(row), "preference", context.name, placed.place, placed.place))
