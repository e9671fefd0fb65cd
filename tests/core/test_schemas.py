"""docs/schemas/ is what the models say, and a schema accepts what a stage writes."""

from __future__ import annotations

from voicewright.core.documents import schemas


def test_the_schemas_in_the_documentation_are_those_of_the_models() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in schemas.SCHEMAS_DIR.glob("*.json")}
    stale = [name for name, text in schemas.schema_texts().items() if written.get(name) != text]
    assert stale == [] and set(written) == set(schemas.schema_texts()), (
        "python -m voicewright.core.documents.schemas writes them anew"
    )


def test_the_documents_that_stages_exchange_have_a_schema() -> None:
    expected = {"TrainingRow", "PromptFormat", "Generation", "Pair", "Vote", "VoiceReport", "Verdict", "Decision"}
    expected |= {"ManifestEntry", "Stats"}
    assert expected <= {name.removesuffix(".json") for name in schemas.schema_texts()}
