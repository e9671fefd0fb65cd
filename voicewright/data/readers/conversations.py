"""Conversations in every usual spelling of exports and datasets, brought into one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from voicewright.data.errors import Unreadable, parsing_foreign_data
from voicewright.data.readers.json_rows import JsonObject, JsonRow

ROLES = {
    **dict.fromkeys(("user", "human", "prompter", "customer"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "model", "bot", "ai", "function_call", "claude"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "observation", "ipython"), "tool"),
}
# Keys by which a source weighs a turn's loss; the last one that is there counts.
WEIGHT_KEYS = ("weight", "loss_weight", "train", "training")


@dataclass(frozen=True)
class Turn:
    """One speaker's words."""

    role: str
    """user, assistant, system or tool."""
    content: str
    speaker: str = ""
    """The role or name as the source spells it."""
    weight: float | None = None
    """The weight of its loss as the source states it; None where it states none."""
    is_tool_call: bool = False
    """Whether it calls a tool: never the author's voice, whatever weight the source gives it."""


@dataclass(frozen=True)
class Thread:
    """One conversation."""

    place: str
    title: str
    turns: list[Turn]


@parsing_foreign_data()
def read_conversation(row: JsonRow) -> Thread | None:
    """The conversation in one object; None if it is empty. Raises Unreadable for an unknown spelling."""
    value = row.value
    if "mapping" in value:
        turns = _chatgpt(value)
    elif "chat_messages" in value:
        turns = _claude(value)
    elif "conversations" in value or "messages" in value or "conversation" in value:
        turns = [*read_turns(value.get("conversations") or value.get("messages") or value.get("conversation") or [])]
        if isinstance(value.get("system"), str) and value["system"].strip():
            turns.insert(0, Turn("system", value["system"], "system"))
    elif "instruction" in value or "prompt" in value or "question" in value:
        turns = _instruction(value)
    else:
        raise Unreadable(
            f"has the keys {', '.join(list(value)[:8])}: no conversation that is known "
            "(mapping, chat_messages, conversations, messages, instruction/output, prompt/completion)"
        )
    turns = [turn for turn in turns if turn.content.strip()]
    title = str(value.get("title") or value.get("name") or value.get("id") or "")
    return Thread(row.place, title, turns) if turns else None


def read_turns(turns: Any) -> Iterator[Turn]:
    """Turns in ShareGPT's `from`/`value` or OpenAI's `role`/`content`. Raises Unreadable."""
    if not isinstance(turns, list):
        raise Unreadable("has turns that are no list, expected [{role, content}, ...] or [{from, value}, ...]")
    for number, turn in enumerate(turns, 1):
        if not isinstance(turn, dict):
            raise Unreadable(f"has a turn {number} that is no object, expected {{role, content}} or {{from, value}}")
        speaker = str(turn.get("role") or turn.get("from") or turn.get("sender") or "")
        role = ROLES.get(speaker.lower())
        if role is None:
            raise Unreadable(f"has a turn {number} by {speaker!r}, expected one of {', '.join(ROLES)}")
        content = _content(turn.get("content", turn.get("value", turn.get("text"))))
        is_tool_call = speaker == "function_call" or bool(turn.get("tool_calls"))
        if turn.get("tool_calls"):
            content = "\n".join(filter(None, [content, json.dumps(turn["tool_calls"], ensure_ascii=False)]))
        stated = [turn[key] for key in WEIGHT_KEYS if isinstance(turn.get(key), int | float)]
        weight = 0.0 if is_tool_call else float(stated[-1]) if stated else None
        yield Turn(role, content, str(turn.get("name") or speaker), weight, is_tool_call)


def _content(content: Any) -> str:
    """The words of a message: a string, or a list of parts of which only text counts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    words = []
    for part in parts:
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, dict) and part.get("type", "text") in ("text", "input_text", "output_text"):
            words.append(str(part.get("text", part.get("value", ""))))
    return "\n".join(word for word in words if word)


def _instruction(value: JsonObject) -> list[Turn]:
    """Alpaca's rows, and plain prompt and completion."""
    question = str(value.get("instruction") or value.get("prompt") or value.get("question") or "")
    if value.get("input"):
        question = f"{question}\n\n{value['input']}"
    keys = ("output", "response", "completion", "answer", "chosen")
    answer = next((value[key] for key in keys if isinstance(value.get(key), str)), None)
    if answer is None:
        raise Unreadable(f"has an instruction but no {', '.join(keys[:-1])}")
    turns = [Turn("system", str(value["system"]), "system")] if value.get("system") else []
    for earlier in value.get("history") or []:
        turns += [Turn("user", str(earlier[0]), "user"), Turn("assistant", str(earlier[1]), "assistant")]
    return [*turns, Turn("user", question, "user"), Turn("assistant", answer, "assistant")]


def _chatgpt(value: JsonObject) -> list[Turn]:
    """The branch of a ChatGPT export that ends at `current_node`: its turns, oldest first."""
    mapping = value["mapping"]
    if not isinstance(mapping, dict):
        raise Unreadable("has a mapping that is no object, expected the nodes of the conversation by their ids")
    node = value.get("current_node")
    if node not in mapping:
        node = _newest_leaf(mapping)
    turns: list[Turn] = []
    for entry in _path(mapping, node, "parent"):
        message = entry.get("message") or {}
        role = ROLES.get(str((message.get("author") or {}).get("role", "")).lower())
        content = message.get("content") or {}
        hidden = (message.get("metadata") or {}).get("is_visually_hidden_from_conversation")
        if role is None or hidden or message.get("recipient", "all") != "all":
            continue
        if content.get("content_type", "text") in ("text", "multimodal_text"):
            words = _content(content.get("parts", []))
            weight = message.get("weight")
            turns.append(Turn(role, words, role, float(weight) if isinstance(weight, int | float) else None))
    return turns


def _newest_leaf(mapping: JsonObject) -> str | None:
    leaves = [key for key, node in mapping.items() if not node.get("children")]
    return max(leaves, key=lambda key: (mapping[key].get("message") or {}).get("create_time") or 0, default=None)


def _claude(value: JsonObject) -> list[Turn]:
    """A Claude export: the branch that ends at the current leaf, or all messages where it is a plain list."""
    messages = [message for message in value["chat_messages"] if isinstance(message, dict)]
    leaf = value.get("current_leaf_message_uuid")
    by_id = {message.get("uuid"): message for message in messages}
    if leaf in by_id:
        messages = _path(by_id, leaf, "parent_message_uuid")
    turns = []
    for message in messages:
        words = _content(message.get("content") or message.get("text"))
        speaker = str(message.get("sender", ""))
        turns.append(Turn(ROLES.get(speaker, "user"), words or str(message.get("text") or ""), speaker))
    return turns


def _path(nodes: dict[Any, JsonObject], last: Any, parent: str) -> list[JsonObject]:
    """The nodes from the root to `last`. Raises Unreadable where the parents run in a circle."""
    path: list[JsonObject] = []
    visited: set[Any] = set()
    while last in nodes:
        if last in visited:
            raise Unreadable(f"runs in a circle at node {last}: a message is its own ancestor")
        visited.add(last)
        path.append(nodes[last])
        last = nodes[last].get(parent)
    return path[::-1]
