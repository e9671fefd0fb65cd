"""The JSON Schemas of all documents: `python -m voicewright.core.documents.schemas` writes docs/schemas/.

A model that is part of another is defined in that one's schema and has no file of its own.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path

from voicewright.core import documents, rows
from voicewright.core.documents.base import Document
from voicewright.core.paths import REPO_DIR

SCHEMAS_DIR = REPO_DIR / "docs" / "schemas"


def models() -> dict[str, type[Document]]:
    """Every document and row by its name, in the order of modules and definitions."""
    names = [f"{documents.__name__}.{module.name}" for module in pkgutil.iter_modules(documents.__path__)]
    modules = [rows, *(importlib.import_module(name) for name in names if not name.endswith(".schemas"))]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Document)
        and value.__module__ == module.__name__
        and value is not Document
        and not name.startswith("_")
    }


def schema_texts() -> dict[str, str]:
    """By file name, the JSON Schema of each document that stands by itself."""
    schemas = {name: model.model_json_schema() for name, model in models().items()}
    parts = {part for name, schema in schemas.items() for part in schema.get("$defs", {}) if part != name}
    # Parts of others that are also read by themselves.
    roots = [name for name in schemas if name not in parts or name in ("PromptFormat", "Pair", "Vote")]
    return {f"{name}.json": json.dumps(schemas[name], indent=2, ensure_ascii=False) + "\n" for name in roots}


def write_schemas(folder: Path = SCHEMAS_DIR) -> int:
    """Write all schemas, remove those of documents that are gone, and return their number."""
    texts = schema_texts()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return len(texts)


if __name__ == "__main__":
    print(f"wrote {write_schemas()} schemas to {SCHEMAS_DIR}")
