"""Write the generated pages of the documentation: commands, recipe keys, documents, public API, recipes, changelog.

    python docs/generate_reference.py

Everything comes from the code itself (click commands, pydantic models, docstrings), so no page can differ from it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

DOCS_DIR = Path(__file__).resolve().parent
REPO_DIR = DOCS_DIR.parent
OUT_DIR = DOCS_DIR / "reference" / "generated"
sys.path.insert(0, str(REPO_DIR))

import voicewright  # noqa: E402
from voicewright.cli.main import cli  # noqa: E402
from voicewright.core import documents  # noqa: E402
from voicewright.core.documents.base import Document  # noqa: E402
from voicewright.recipe.schema import Recipe  # noqa: E402


def commands_page() -> str:
    """Each command of `voicewright`, with its own help text."""
    parts = [
        "# Commands",
        "",
        "`make x`, `voicewright x` and `python -m folder.x` are three spellings of one command.",
        "",
    ]
    context = click.Context(cli, info_name="voicewright")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        if command.hidden:
            continue
        help_text = command.get_help(click.Context(command, info_name=f"voicewright {name}"))
        parts += [f"## {name}", "", "```text", help_text, "```", ""]
    return "\n".join(parts)


def recipe_page() -> str:
    """Every key of a recipe, section by section, from the schema."""
    parts = [
        "# Keys of a recipe",
        "",
        "`axolotl:` holds Axolotl's own keys and `vllm:` vLLM's own arguments. Every other key is listed here.",
        "",
    ]
    return "\n".join([*parts, *_models(_reachable(Recipe))])


def documents_page() -> str:
    """Every document that a stage writes, from the typed models; the JSON Schemas are in docs/schemas."""
    models: list[type[BaseModel]] = []
    for module in pkgutil.iter_modules(documents.__path__):
        loaded = importlib.import_module(f"{documents.__name__}.{module.name}")
        models += [
            value
            for value in vars(loaded).values()
            if isinstance(value, type) and issubclass(value, Document) and value.__module__ == loaded.__name__
        ]
    from voicewright.core import rows

    models += [rows.TrainingRow, rows.Message, rows.PromptFormat]
    unique = list(dict.fromkeys(model for model in models if model is not Document))
    parts = [
        "# Documents of a run",
        "",
        "The typed JSON that stages write. Unknown fields are kept when a document is read.",
        "",
    ]
    return "\n".join([*parts, *_models(unique)])


def api_page() -> str:
    """The public API: what `import voicewright` offers."""
    parts = ["# Python API", "", "```python", "import voicewright", "```", ""]
    for name in voicewright.__all__:
        value = getattr(voicewright, name)
        signature = "" if not callable(value) else _signature(value)
        parts += [f"## {name}", "", "```python", f"{name}{signature}", "```", "", inspect.getdoc(value) or "", ""]
        if inspect.isclass(value):
            for method_name, method in inspect.getmembers(value, callable):
                own = method_name in vars(value) and not method_name.startswith("_")
                if own and inspect.getdoc(method):
                    parts += [
                        f"### {name}.{method_name}",
                        "",
                        "```python",
                        f"{method_name}{_signature(method)}",
                        "```",
                        "",
                    ]
                    parts += [inspect.getdoc(method) or "", ""]
    return "\n".join(parts)


def _signature(value: Any) -> str:
    try:
        return str(inspect.signature(value)).replace("'", "")
    except (TypeError, ValueError):
        return "(...)"


def _reachable(root: type[BaseModel]) -> list[type[BaseModel]]:
    """A model and every model that its fields lead to, in the order of the fields."""
    order: list[type[BaseModel]] = []

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in order:
                order.append(annotation)
                for field in annotation.model_fields.values():
                    visit(field.annotation)
            return
        for part in getattr(annotation, "__args__", ()):
            visit(part)

    visit(root)
    return order


def _models(models: list[type[BaseModel]]) -> list[str]:
    lines: list[str] = []
    for model in models:
        lines += [f"## {model.__name__}", "", inspect.getdoc(model) or "", ""]
        for name, field in model.model_fields.items():
            default = "required" if field.is_required() else f"default {_default(field)}"
            kind = str(field.annotation) if not isinstance(field.annotation, type) else field.annotation.__name__
            kind = re.sub(r"(typing|voicewright(\.\w+)+)\.", "", kind)
            note = re.sub(r"\s+", " ", field.description or "")
            lines.append(f"- **`{field.alias or name}`** `{kind}`, {default}{': ' if note else ''}{note}")
        lines.append("")
    return lines


def _default(field: Any) -> str:
    value = field.default if field.default is not PydanticUndefined else field.default_factory()
    if isinstance(value, BaseModel):
        return "as below"
    text = repr(value)
    return f"`{text}`" if len(text) < 60 else "in the schema"


def main() -> None:
    shutil.rmtree(OUT_DIR, ignore_errors=True)
    (OUT_DIR / "recipes").mkdir(parents=True)
    pages = {"commands": commands_page(), "recipe": recipe_page(), "documents": documents_page(), "api": api_page()}
    pages["changelog"] = (REPO_DIR / "CHANGELOG.md").read_text(encoding="utf-8")
    for name, text in pages.items():
        (OUT_DIR / f"{name}.md").write_text(text.rstrip() + "\n", encoding="utf-8")
    for path in (REPO_DIR / "recipes").glob("*.md"):
        if path.name != "README.md":
            text = path.read_text(encoding="utf-8")
            (OUT_DIR / "recipes" / path.name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
