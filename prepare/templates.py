"""A model's chat template, rendered as transformers does, so that tokens are counted exactly and before training."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import CallBlock, Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from voicewright.errors import UserError

# Axolotl's names for templates that are no model's own: `chat_template: chatml`.
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


class _Generation(Extension):
    """`{% generation %}`, which marks the assistant's words and prints what is inside."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

    def parse(self, parser: Parser) -> Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return CallBlock(self.call_method("_inside"), [], [], body).set_lineno(line)

    def _inside(self, caller: Any) -> str:
        return str(caller())


@dataclass(frozen=True)
class Template:
    """A compiled chat template with the special tokens it may name."""

    compiled: jinja2.Template
    tokens: dict[str, str]
    source: str

    def render(self, messages: list[dict[str, Any]], *, prompt: bool = False) -> str:
        """The conversation as the model reads it; `prompt` opens the assistant's turn.

        Raises UserError if the template refuses the conversation (roles out of order, an unknown role).
        """
        try:
            return self.compiled.render(messages=messages, add_generation_prompt=prompt, tools=None, **self.tokens)
        except jinja2.TemplateError as error:
            raise UserError(f"{self.source}: the chat template refuses the conversation: {error}") from None


def load(folder: Path, chosen: str | None = None) -> Template | None:
    """The chat template of a model's folder, or the one that the recipe chose; None if it has none.

    `chosen` is Axolotl's `chat_template`: tokenizer_default, chatml, or null.
    """
    config_path = folder / "tokenizer_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8")) if config_path.is_file() else {}
    jinja_path = folder / "chat_template.jinja"
    if chosen == "chatml":
        text, source = CHATML, "chatml"
    elif jinja_path.is_file():
        text, source = jinja_path.read_text(encoding="utf-8"), str(jinja_path)
    else:
        text, source = _from_config(config), str(config_path)
    if not text:
        return None
    tokens = {name: _spelt(config.get(name)) for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
    return Template(compiled(text), {name: token for name, token in tokens.items() if token is not None}, source)


def compiled(text: str) -> jinja2.Template:
    """Compile as transformers does: sandboxed, blocks trimmed, its own filters and functions."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(text)


def _from_config(config: dict[str, Any]) -> str:
    found = config.get("chat_template")
    if isinstance(found, list):  # several by name
        found = next((each["template"] for each in found if each.get("name") == "default"), None)
    return found or ""


def _spelt(token: Any) -> str | None:
    return token.get("content") if isinstance(token, dict) else token


def _to_json(value: Any, indent: int | None = None, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)
