"""A model's chat template, rendered as transformers renders it, so that tokens are counted exactly before training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import CallBlock, Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from voicewright.core.errors import UserError
from voicewright.core.paths import given_path
from voicewright.core.rows import Message
from voicewright.data.errors import Unreadable

# Axolotl's template of this name; its others are Mistral's, Llama's and so on, which those models bring themselves.
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")


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
    """A compiled chat template with its variables."""

    compiled: jinja2.Template
    variables: Mapping[str, object]
    """Special tokens, and the recipe's chat_template_kwargs."""
    source: str

    def render(self, messages: Sequence[Message], *, prompt: bool = False) -> str:
        """The conversation as the model reads it; `prompt` opens the assistant's turn.

        Raises Unreadable if the template refuses the conversation (roles out of order, an unknown role).
        """
        variables = {"tools": None, "documents": None, **self.variables, "add_generation_prompt": prompt}
        turns = [_turn(message) for message in messages]
        try:
            return self.compiled.render(messages=turns, **variables)
        except jinja2.TemplateError as error:
            raise Unreadable(f"is refused by the model's chat template ({self.source}): {error}") from None


def load(folder: Path, axolotl: Mapping[str, Any]) -> Template | None:
    """The chat template that Axolotl will use, from a model's folder or from the recipe; None if there is none.

    Read of the recipe: chat_template, chat_template_jinja, chat_template_kwargs, special_tokens.
    Raises UserError for a template that is in Axolotl's own environment alone.
    """
    config_path = folder / "tokenizer_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8")) if config_path.is_file() else {}
    text, source = _chosen(axolotl, *_model_template(folder, config, config_path))
    if not text:
        return None
    tokens = {name: _spelling(config.get(name)) for name in SPECIAL_TOKENS} | (axolotl.get("special_tokens") or {})
    variables = {name: token for name, token in tokens.items() if token is not None}
    try:
        return Template(compiled(text), variables | (axolotl.get("chat_template_kwargs") or {}), source)
    except jinja2.TemplateSyntaxError as error:
        raise UserError(f"{source}:{error.lineno}: the chat template is no valid Jinja: {error.message}") from None


def _model_template(folder: Path, config: Any, config_path: Path) -> tuple[str, str]:
    """The template of the model's folder ("" where it has none), and its file."""
    jinja_path = folder / "chat_template.jinja"
    if jinja_path.is_file():
        return jinja_path.read_text(encoding="utf-8"), str(jinja_path)
    template = config.get("chat_template")
    if isinstance(template, list):  # several by name
        template = next((each["template"] for each in template if each.get("name") == "default"), None)
    return template or "", str(config_path)


def _chosen(axolotl: Mapping[str, Any], model_template: str, model_source: str) -> tuple[str, str]:
    """The template that the recipe chose, and its name in messages."""
    chosen = str(axolotl.get("chat_template") or "tokenizer_default")
    if chosen == "chatml" or (chosen == "tokenizer_default_fallback_chatml" and not model_template):
        return CHATML, "chatml"
    if chosen in ("tokenizer_default", "tokenizer_default_fallback_chatml"):
        return model_template, model_source
    if chosen == "jinja":
        template = str(axolotl.get("chat_template_jinja") or "")
        if "{" in template:
            return template, "axolotl.chat_template_jinja"
        path = given_path(template)
        if not path.is_file():
            raise UserError(f"axolotl.chat_template_jinja {template!r}: expected a template, or a file that holds one")
        return path.read_text(encoding="utf-8"), str(path)
    raise UserError(
        f"axolotl.chat_template {chosen}: that template lies inside Axolotl, where its tokens cannot be counted; "
        "expected tokenizer_default (the model's own), chatml, tokenizer_default_fallback_chatml or jinja",
        hint="axolotl.chat_template=tokenizer_default, or axolotl.chat_template=jinja axolotl.chat_template_jinja=FILE",
    )


def compiled(text: str) -> jinja2.Template:
    """Compile as transformers does: sandboxed, blocks trimmed, its own filters and functions."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(text)


def _turn(message: Message) -> dict[str, Any]:
    """A message as a template is given it: with its tool calls, without empty fields."""
    content = {} if message.content is None else {"content": message.content}
    return {"role": message.role, **content, **(message.model_extra or {})}


def _spelling(token: Any) -> str | None:
    return token.get("content") if isinstance(token, dict) else token


def _to_json(value: Any, indent: int | None = None, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)
