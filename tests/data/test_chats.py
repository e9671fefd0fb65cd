"""Chats, instructions and preferences in every usual spelling; the loss is on one voice alone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.data.conftest import book
from voicewright.core import environments
from voicewright.core.errors import UserError
from voicewright.core.paths import CONFIGS_DIR, REPO_DIR
from voicewright.core.rows import Message, TrainingRow
from voicewright.data import chat_templates, tokenizers
from voicewright.data.assembly import Assembly
from voicewright.data.errors import Unreadable
from voicewright.data.readers.conversations import read_conversation
from voicewright.data.readers.json_rows import JsonRow
from voicewright.data.shapes.preference import read_pair

Make = Callable[..., Assembly]
TURNS = [("user", "Hi"), ("assistant", "Ho"), ("user", "And?"), ("assistant", "That is all.")]


def node(parent: str | None, children: list[str], role: str, words: Any, **message: Any) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [words]}
    return {
        "parent": parent,
        "children": children,
        "message": {"author": {"role": role}, "content": content, **message},
    }


CHATGPT = {
    "title": "t",
    "current_node": "d2",
    "mapping": {
        "root": {"parent": None, "children": ["s"], "message": None},
        "s": node("root", ["a"], "system", ""),
        "a": node("s", ["b1", "b2"], "user", "Hi"),
        "b1": node("a", [], "assistant", "An answer that was thrown away"),
        "b2": node("a", ["t"], "assistant", "Ho"),
        "t": node("b2", ["c"], "assistant", "search()", recipient="browser"),
        "c": node("t", ["d1", "d2"], "user", "And?"),
        "d1": node("c", [], "assistant", "Thrown away too"),
        "d2": node("c", [], "assistant", "That is all."),
    },
}
CLAUDE = {
    "name": "t",
    "current_leaf_message_uuid": "4",
    "chat_messages": [
        {"uuid": "1", "parent_message_uuid": "0", "sender": "human", "text": "Hi"},
        {"uuid": "2", "parent_message_uuid": "1", "sender": "assistant", "content": [{"type": "text", "text": "Ho"}]},
        {"uuid": "x", "parent_message_uuid": "1", "sender": "assistant", "text": "Thrown away"},
        {"uuid": "3", "parent_message_uuid": "2", "sender": "human", "text": "And?"},
        {"uuid": "4", "parent_message_uuid": "3", "sender": "assistant", "text": "That is all."},
    ],
}
SHAREGPT = {"conversations": [{"from": {"user": "human", "assistant": "gpt"}[r], "value": w} for r, w in TURNS]}
OPENAI = {"messages": [{"role": r, "content": [{"type": "text", "text": w}]} for r, w in TURNS]}
HISTORY = {"instruction": "And?", "input": "", "output": "That is all.", "history": [["Hi", "Ho"]]}


@pytest.mark.parametrize("value", [CHATGPT, CLAUDE, SHAREGPT, OPENAI, HISTORY])
def test_one_conversation_in_five_spellings_is_one(value: dict[str, Any]) -> None:
    thread = read_conversation(JsonRow("x:1", value))
    assert thread is not None
    assert [(turn.role, turn.content) for turn in thread.turns] == TURNS


def rows(assembled: Make, tmp_path: Path, values: list[Any], shape: str = "chat", **source: Any) -> list[TrainingRow]:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(values))
    result = assembled({"mine": {"path": str(path), "shape": shape, **source}})
    return [piece.row for piece in result.output.rows]


def turns(row: TrainingRow) -> list[Message]:
    return row.messages or []


def chats(n: int = 4) -> list[Any]:
    return [{"messages": [{"role": r, "content": f"{w} ({i})"} for r, w in TURNS]} for i in range(n)]


def test_the_loss_is_on_the_voices_turns_alone(assembled: Make, tmp_path: Path) -> None:
    row = rows(assembled, tmp_path, chats())[0]
    assert [(m.role, m.train) for m in turns(row)] == [
        ("user", False), ("assistant", True), ("user", False), ("assistant", True)
    ]  # fmt: skip


def test_the_voice_may_be_the_users_whose_turns_become_the_assistants(assembled: Make, tmp_path: Path) -> None:
    row = rows(assembled, tmp_path, chats(), voice="user")[0]
    assert [(m.role, m.content, m.train) for m in turns(row)] == [
        ("assistant", "Hi (0)", True), ("user", "Ho (0)", False), ("assistant", "And? (0)", True)
    ]  # fmt: skip


def test_the_voice_may_be_a_speakers_name(assembled: Make, tmp_path: Path) -> None:
    values = [
        {
            "messages": [
                {"role": "user", "content": f"Hi {i}"},
                {"role": "assistant", "name": "Ada", "content": f"Ho {i}"},
            ]
        }
        for i in range(3)
    ]
    assert turns(rows(assembled, tmp_path, values, voice="Ada")[0])[1].train is True


def test_a_weight_of_nought_takes_the_loss_off_a_turn(assembled: Make, tmp_path: Path) -> None:
    values = chats()
    for value in values:
        value["messages"][1]["weight"] = 0
    assert [m.train for m in turns(rows(assembled, tmp_path, values)[0])] == [False, False, False, True]


def test_tool_calls_keep_their_place_and_are_not_learnt(assembled: Make, tmp_path: Path) -> None:
    values = [
        {
            "conversations": [
                {"from": "human", "value": f"Weather {i}?"},
                {"from": "function_call", "value": '{"name": "weather"}'},
                {"from": "observation", "value": "rain"},
                {"from": "gpt", "value": "It rains."},
            ]
        }
        for i in range(3)
    ]
    row = rows(assembled, tmp_path, values)[0]
    assert [(m.role, m.train) for m in turns(row)] == [
        ("user", False), ("assistant", False), ("tool", False), ("assistant", True)
    ]  # fmt: skip


def test_a_tool_call_is_not_the_voice_though_its_source_trains_on_it(assembled: Make, tmp_path: Path) -> None:
    call = [{"function": {"name": "weather", "arguments": "{}"}}]
    values = [
        {
            "messages": [
                {"role": "user", "content": f"Weather {i}?"},
                {"role": "assistant", "content": None, "tool_calls": call, "train": True},
                {"role": "tool", "content": "rain"},
                {"role": "assistant", "content": "It rains."},
            ]
        }
        for i in range(3)
    ]
    row = rows(assembled, tmp_path, values)[0]
    assert [m.train for m in turns(row)] == [False, False, False, True]
    assert row.author_texts == ["It rains."]


def test_a_pair_whose_chosen_reply_is_a_tool_call_is_left_out(assembled: Make, tmp_path: Path) -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather"}}]}
    values = [{"prompt": f"Hi {i}", "chosen": "Ho", "rejected": "Hm"} for i in range(4)]
    (tmp_path / "p.json").write_text(json.dumps([*values, {"prompt": "Hi", "chosen": call, "rejected": "Hm"}]))
    result = assembled({"mine": {"path": str(tmp_path / "p.json"), "shape": "preference"}})
    assert [drop.reason for drop in result.output.dropped] == ["the chosen reply is a tool call"]


def test_system_prompts_are_drawn_from_the_list_and_stay_with_their_row(assembled: Make, tmp_path: Path) -> None:
    drawn = [rows(assembled, tmp_path, chats(30), system=["Be brief.", "Be kind."]) for _ in range(2)]
    systems = [turns(row)[0].content for row in drawn[0]]
    assert set(systems) == {"Be brief.", "Be kind."}
    assert drawn[0] == drawn[1]


def test_a_long_conversation_is_cut_between_exchanges(assembled: Make, tmp_path: Path) -> None:
    long = {"messages": [{"role": r, "content": "count the rungs again " * 20} for r, _ in TURNS * 6]}
    parts = [row for row in rows(assembled, tmp_path, [long, *chats()]) if "rungs" in turns(row)[0].text]
    assert len(parts) > 2
    assert all(turns(row)[0].role == "user" and row.tokens <= 448 for row in parts)
    assert sum(len(turns(row)) for row in parts) == 24


def test_what_is_too_long_is_dropped_and_said(assembled: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([*chats(), {"instruction": "Hi", "output": "word " * 900}]))
    result = assembled({"mine": {"path": str(path), "shape": "instruction"}})
    (drop,) = result.output.dropped
    assert "longer than max_tokens" in drop.reason and drop.words == 901 and drop.source.endswith("a.json#5")


def test_a_model_without_a_template_is_refused_before_anything_is_read(
    assembled: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_templates, "load", lambda *_: None)
    with pytest.raises(UserError, match="needs a chat template"):
        rows(assembled, tmp_path, chats())


PAIRS: dict[str, dict[str, Any]] = {
    "strings": {"prompt": "Hi", "chosen": "Ho", "rejected": "Hm"},
    "conversations": {
        "chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}],
        "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hm"}],
    },
    "prompted conversations": {
        "prompt": "Hi",
        "chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}],
        "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hm"}],
    },
    "sharegpt": {
        "conversations": [{"from": "human", "value": "Hi"}],
        "chosen": {"from": "gpt", "value": "Ho"},
        "rejected": {"from": "gpt", "value": "Hm"},
    },
    "messages": {
        "messages": [{"role": "user", "content": "Hi"}],
        "chosen": {"role": "assistant", "content": "Ho"},
        "rejected": {"role": "assistant", "content": "Hm"},
    },
    "hh": {"chosen": "\n\nHuman: Hi\n\nAssistant: Ho", "rejected": "\n\nHuman: Hi\n\nAssistant: Hm"},
}


@pytest.mark.parametrize("spelling", PAIRS)
def test_a_preference_pair_in_every_spelling_is_one(spelling: str) -> None:
    pair = read_pair(JsonRow("x:1", PAIRS[spelling]))
    assert [(turn.role, turn.content) for turn in pair.turns] == [("user", "Hi")]
    assert (pair.chosen.content, pair.rejected.content) == ("Ho", "Hm")


def test_preference_rows_are_what_axolotls_dpo_reads(assembled: Make, tmp_path: Path) -> None:
    values = [{"prompt": f"Hi {i}", "chosen": "Ho", "rejected": "Hm"} for i in range(4)]
    values.append({"prompt": "Same", "chosen": "Ho", "rejected": "Ho "})
    path = tmp_path / "p.json"
    path.write_text(json.dumps(values))
    result = assembled({"mine": {"path": str(path), "shape": "preference"}})
    row = result.output.rows[0].row.to_json()
    assert row["messages"] == [{"role": "user", "content": "Hi 0"}]
    assert row["chosen"] == {"role": "assistant", "content": "Ho"} and row["rejected"]["content"] == "Hm"
    assert [drop.reason for drop in result.output.dropped] == ["the two replies are the same"]


def test_labels_on_one_reply_are_refused_and_counted_rather_than_listed(assembled: Make, tmp_path: Path) -> None:
    path = tmp_path / "k.json"
    path.write_text(json.dumps([{"messages": [{"role": "user", "content": "Hi"}], "label": True}] * 40))
    with pytest.raises(UserError) as refused:
        assembled({"mine": {"path": str(path), "shape": "preference"}})
    assert len(refused.value.problems) == 6 and "KTO" in refused.value.problems[0]
    assert refused.value.problems[-1] == "and 35 more like these"


def test_preferences_are_not_mixed_with_other_rows(with_sources: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="cannot be mixed"):
        with_sources({"a": {"path": "a", "shape": "preference"}, "b": {"path": "b", "shape": "chat"}})


def test_a_continuation_follows_its_fragment_and_neither_crosses_a_chapter(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(book(6, 24))
    text = (tmp_path / "a.md").read_text()
    result = assembled(
        {"mine": {"path": str(tmp_path), "shape": "continuation"}},
        continuation={"words": 90, "overlap": 20, "instruction": ""},
    )
    for piece in result.output.rows:
        fragment, following = (message.text for message in turns(piece.row))
        start, end = map(int, piece.row.source.rpartition(":")[2].split("-"))
        span = text[start:end]
        assert span.strip().startswith(fragment) and span.rstrip().endswith(following)
        assert "# Chapter" not in following
    first, second = (turns(piece.row)[0].text for piece in result.output.rows[:2])
    assert second[:60] in first[len(first) // 2 :]  # the overlap


@pytest.mark.parametrize(
    ("name", "shape", "fewest"),
    [
        ("chats/chatgpt_export/conversations.json", "chat", 7),
        ("chats/v1_sft_demo.jsonl", "chat", 490),
        ("chats/glaive_toolcall_en_demo.json", "chat", 300),
        ("preferences/dpo_en_demo.json", "preference", 100),
    ],
)
@pytest.mark.slow
def test_real_exports_go_through(assembled: Make, shared_data: Path, name: str, shape: str, fewest: int) -> None:
    result = assembled({"real": {"path": str(shared_data / name), "shape": shape}}, max_tokens=900)
    assert len(result.output.rows) >= fewest
    assert all(piece.row.tokens <= 900 for piece in result.output.rows)


def test_a_template_that_only_axolotl_has_is_refused() -> None:
    folder = REPO_DIR / "models" / "tiny-base"
    with pytest.raises(UserError, match=r"axolotl.chat_template llama3: .* expected tokenizer_default") as refused:
        chat_templates.load(folder, {"chat_template": "llama3"})
    assert "chat_template=jinja" in (refused.value.hint or "")
    with pytest.raises(UserError, match="expected a template, or a file that holds one"):
        chat_templates.load(folder, {"chat_template": "jinja", "chat_template_jinja": "no/such.jinja"})
    with pytest.raises(UserError, match=r"chat_template_jinja:2: the chat template is no valid Jinja"):
        chat_templates.load(folder, {"chat_template": "jinja", "chat_template_jinja": "\n{% for %}"})


def test_every_model_of_configs_has_a_template_that_can_be_counted() -> None:
    for path in (CONFIGS_DIR / "model").glob("*.yaml"):
        axolotl = yaml.safe_load(path.read_text())["axolotl"]
        assert axolotl.get("chat_template") in (None, "chatml"), path.name


def test_a_conversation_that_the_template_refuses_is_named(
    assembled: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picky = "{% if messages[0].role == 'system' %}{{ raise_exception('No system here') }}{% endif %}"
    template = chat_templates.Template(chat_templates.compiled(picky), {}, "it.jinja")
    monkeypatch.setattr(chat_templates, "load", lambda *_: template)
    values = [*chats(3), {"messages": [{"role": "system", "content": "Be brief."}, *chats(1)[0]["messages"]]}]
    with pytest.raises(UserError) as refused:
        rows(assembled, tmp_path, values)
    assert [
        "a.json#4: is refused by the model's chat template (it.jinja): No system here" in p
        for p in refused.value.problems
    ] == [True]
    (tmp_path / "b.md").write_text(book(4))
    with pytest.raises(UserError, match="No system here") as refused:
        assembled({"mine": {"path": str(tmp_path / "b.md"), "shape": "qa"}})
    assert "data.qa.persona=''" in (refused.value.hint or "")


def test_a_template_is_rendered_with_transformers_own_helpers() -> None:
    text = (
        "{{ bos_token }}\n{% for m in messages %}\n  {%- if m.role == 'bad' %}{{ raise_exception('no') }}{% endif %}\n"
        "{{ m | tojson }}{% generation %}x{% endgeneration %}\n{% endfor %}"
    )
    template = chat_templates.Template(chat_templates.compiled(text), {"bos_token": "<s>"}, "here")
    assert template.render([Message(role="user", content="é <b>")]) == '<s>\n{"role": "user", "content": "é <b>"}x'
    with pytest.raises(Unreadable, match=r"is refused by the model's chat template \(here\): no"):
        template.render([Message(role="bad", content="")])


CASES = st.lists(
    st.tuples(st.sampled_from(["user", "assistant"]), st.text("aé<| \n{}%'", max_size=8)), min_size=1, max_size=4
)
# As Axolotl renders rows, with the recipe's choice of template and its tokens.
RENDER = """
import json, sys
from pathlib import Path
from importlib.util import find_spec
from transformers import AutoTokenizer
templates = Path(find_spec("axolotl").submodule_search_locations[0]) / "utils" / "chat_templates" / "templates"
cases = [json.loads(line) for line in sys.stdin]
for choice in json.loads(sys.argv[2]):
    named = templates / (choice.get("chat_template", "") + ".jinja")
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    tokenizer.add_special_tokens(choice.get("special_tokens", {}))
    tokenizer.add_tokens(choice.get("tokens", []))
    template = choice.get("chat_template_jinja") or (named.read_text() if named.exists() else tokenizer.chat_template)
    options = {"chat_template": template, **choice.get("chat_template_kwargs", {})}
    for messages in cases:
        text = tokenizer.apply_chat_template(messages, tokenize=False, **options)
        ids = tokenizer.apply_chat_template(messages, return_dict=False, **options)
        prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options)
        print(json.dumps([text, prompt, len(ids)]))
"""
PHI = "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' + kind + eos_token }}{% endfor %}"
CHOICES: list[dict[str, Any]] = [
    {},
    {"chat_template": "chatml"},
    {
        "chat_template": "jinja",
        "chat_template_jinja": PHI,
        "chat_template_kwargs": {"kind": "of a kind"},
        "special_tokens": {"eos_token": "<|end|>"},
        "tokens": ["<|user|>", "of a kind"],
    },
]


@pytest.mark.engine
def test_rendering_and_counts_equal_those_of_axolotl() -> None:
    cases: list[list[dict[str, str]]] = []

    @given(CASES)
    def collect(turns: list[tuple[str, str]]) -> None:
        cases.append([{"role": role, "content": content} for role, content in turns])

    collect()
    folder = REPO_DIR / "models" / "tiny-base"
    sent = "".join(json.dumps(case) + "\n" for case in cases)
    answer = subprocess.run(
        [environments.python("train"), "-c", RENDER, folder, json.dumps(CHOICES)],
        env={**os.environ, **environments.environment_variables("train")},
        input=sent,
        capture_output=True,
        text=True,
        check=True,
    )
    answers = iter(answer.stdout.splitlines())
    for choice in CHOICES:
        template, counter = chat_templates.load(folder, choice), tokenizers.load(str(folder), choice)
        assert template is not None
        for case in cases:
            text, prompt, count = json.loads(next(answers))
            messages = [Message(**turn) for turn in case]
            assert template.render(messages) == text
            assert template.render(messages, prompt=True) == prompt
            assert counter.count([text]) == [count]
