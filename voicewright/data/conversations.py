"""Conversations in the spellings that chats are exported and traded in, brought into one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from voicewright.data.errors import Unreadable, others_wrote_it
from voicewright.data.readers.json_rows import Placed

ROLES = {
    **dict.fromkeys(("user", "human", "prompter", "customer"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "model", "bot", "ai", "function_call", "claude"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "observation", "ipython"), "tool"),
}


@dataclass(frozen=True)
class Turn:
    """One speaker's words."""

    role: str
    """user, assistant, system or tool."""
    content: str
    speaker: str = ""
    """The role or name as the source spells it."""
    weight: float | None = None
    """What the source says its loss should count; None where it says nothing."""


@dataclass(frozen=True)
class Thread:
    """One conversation."""

    place: str
    title: str
    turns: list[Turn]


@others_wrote_it()
def threads(placed: Placed) -> Thread | None:
    """The conversation in one object; None if it is empty. Raises Unreadable for a spelling that is not known."""
    value = placed.value
    if "mapping" in value:
        turns = _chatgpt(value)
    elif "chat_messages" in value:
        turns = _claude(value)
    elif "conversations" in value or "messages" in value or "conversation" in value:
        turns = [*spoken(value.get("conversations") or value.get("messages") or value.get("conversation") or [])]
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
    return Thread(placed.place, title, turns) if turns else None


def spoken(turns: Any) -> Iterator[Turn]:
    """ShareGPT's `from`/`value` or OpenAI's `role`/`content`, in either list. Raises Unreadable."""
    if not isinstance(turns, list):
        raise Unreadable("has turns that are no list, expected [{role, content}, ...] or [{from, value}, ...]")
    for number, turn in enumerate(turns, 1):
        if not isinstance(turn, dict):
            raise Unreadable(f"has a turn {number} that is no object, expected {{role, content}} or {{from, value}}")
        speaker = str(turn.get("role") or turn.get("from") or turn.get("sender") or "")
        role = ROLES.get(speaker.lower())
        if role is None:
            raise Unreadable(f"has a turn {number} by {speaker!r}, expected one of {', '.join(ROLES)}")
        content, weight = _content(turn.get("content", turn.get("value", turn.get("text"))))
        if turn.get("tool_calls"):
            content = "\n".join(filter(None, [content, json.dumps(turn["tool_calls"], ensure_ascii=False)]))
        if speaker == "function_call" or turn.get("tool_calls"):
            weight = 0.0  # a call is no one's voice
        for key in ("weight", "loss_weight", "train", "training"):
            if isinstance(turn.get(key), int | float):
                weight = float(turn[key])
        yield Turn(role, content, str(turn.get("name") or speaker), weight)


def _content(content: Any) -> tuple[str, float | None]:
    """The words of a message: a string, or a list of parts of which only text counts."""
    if content is None:
        return "", None
    if isinstance(content, str):
        return content, None
    parts = content if isinstance(content, list) else [content]
    words = []
    for part in parts:
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, dict) and part.get("type", "text") in ("text", "input_text", "output_text"):
            words.append(str(part.get("text", part.get("value", ""))))
    return "\n".join(word for word in words if word), None


def _instruction(value: dict[str, Any]) -> list[Turn]:
    """Alpaca's rows, and plain prompt and completion."""
    asked = str(value.get("instruction") or value.get("prompt") or value.get("question") or "")
    if value.get("input"):
        asked = f"{asked}\n\n{value['input']}"
    keys = ("output", "response", "completion", "answer", "chosen")
    answer = next((value[key] for key in keys if isinstance(value.get(key), str)), None)
    if answer is None:
        raise Unreadable(f"has an instruction but no {', '.join(keys[:-1])}")
    turns = [Turn("system", str(value["system"]), "system")] if value.get("system") else []
    for earlier in value.get("history") or []:
        turns += [Turn("user", str(earlier[0]), "user"), Turn("assistant", str(earlier[1]), "assistant")]
    return [*turns, Turn("user", asked, "user"), Turn("assistant", answer, "assistant")]


def _chatgpt(value: dict[str, Any]) -> list[Turn]:
    """The branch of a ChatGPT export that ends at `current_node`: its turns, oldest first."""
    mapping = value["mapping"]
    if not isinstance(mapping, dict):
        raise Unreadable("has a mapping that is no object, expected {role, content} or {from, value}")
    node = value.get("current_node")
    if node not in mapping:
        node = _newest_leaf(mapping)
    turns: list[Turn] = []
    for each in _path(mapping, node, "parent"):
        message = each.get("message") or {}
        role = ROLES.get(str((message.get("author") or {}).get("role", "")).lower())
        content = message.get("content") or {}
        hidden = (message.get("metadata") or {}).get("is_visually_hidden_from_conversation")
        if role is None or hidden or message.get("recipient", "all") != "all":
            continue
        if content.get("content_type", "text") in ("text", "multimodal_text"):
            words, _ = _content(content.get("parts", []))
            weight = message.get("weight")
            turns.append(Turn(role, words, role, float(weight) if isinstance(weight, int | float) else None))
    return turns


def _newest_leaf(mapping: dict[str, Any]) -> str | None:
    leaves = [key for key, node in mapping.items() if not node.get("children")]
    return max(leaves, key=lambda key: (mapping[key].get("message") or {}).get("create_time") or 0, default=None)


def _claude(value: dict[str, Any]) -> list[Turn]:
    """A Claude export: the branch that ends at the current leaf, or all messages where it is a plain list."""
    messages = [message for message in value["chat_messages"] if isinstance(message, dict)]
    leaf = value.get("current_leaf_message_uuid")
    by_id = {message.get("uuid"): message for message in messages}
    if leaf in by_id:
        messages = _path(by_id, leaf, "parent_message_uuid")
    turns = []
    for message in messages:
        words, _ = _content(message.get("content") or message.get("text"))
        speaker = str(message.get("sender", ""))
        turns.append(Turn(ROLES.get(speaker, "user"), words or str(message.get("text") or ""), speaker))
    return turns


def _path(nodes: dict[Any, dict[str, Any]], last: Any, parent: str) -> list[dict[str, Any]]:
    """From the root to `last`. Raises Unreadable where the parents run in a circle."""
    path: list[dict[str, Any]] = []
    seen: set[Any] = set()
    while last in nodes:
        if last in seen:
            raise Unreadable(f"runs in a circle at node {last}: a message is its own ancestor")
        seen.add(last)
        path.append(nodes[last])
        last = nodes[last].get(parent)
    return path[::-1]
