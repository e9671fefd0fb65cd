"""The rows that the stage generate writes stay the same JSON when they are read and written typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from voicewright.core.documents.base import Document, read_documents
from voicewright.core.documents.generation import Generation, Likelihood

GENERATION = {
    "id": "9aae209ecdb1bd11", "arm": "baseline", "prompt_id": "heldout-1", "domain": "heldout", "set": "heldout",
    "sample": 0, "seed": 7, "before": "", "prompt": "You wait", "text": "and wait.", "finish_reason": "length",
    "completion_tokens": 4, "model": "baseline", "model_hash": "c4", "sampling":
    {"temperature": 0.8, "top_p": 0.95, "min_tokens": 4, "max_tokens": 4}, "passages": [], "reference": "for rain.",
    "reference_source": "m.md:0-9", "error": None,
}  # fmt: skip
LIKELIHOOD = {"id": "e4", "arm": "baseline", "model": "baseline", "chars": 9, "tokens": 3, "bits": 2.5, "key": "e9"}


@pytest.mark.parametrize(("model", "row"), [(Generation, GENERATION), (Likelihood, LIKELIHOOD)])
def test_a_row_is_written_as_it_was_read(tmp_path: Path, model: type[Document], row: dict[str, object]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    assert [json.dumps(document.to_json()) for document in read_documents(path, model)] == [json.dumps(row)]
