"""Give a language model a voice, and measure whether it worked.

    import voicewright as vw

    recipe = vw.load_recipe("visions", ["model=tiny", "hardware=cpu"])
    profile = vw.StyleProfile.from_texts([first_book, second_book])
    print(profile.score([new_text]).score)

Everything named in `__all__` is public and imported on first use, so that `import voicewright` is fast and needs
neither PyTorch nor a GPU.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicewright.core.documents.base import read_document, read_documents
    from voicewright.core.documents.decision import Decision
    from voicewright.core.documents.judging import Pair, PairKey, Verdict, Vote
    from voicewright.core.documents.manifest import ManifestEntry, read_manifest
    from voicewright.core.documents.stats import Stats
    from voicewright.core.documents.voice_report import VoiceReport
    from voicewright.core.errors import UserError
    from voicewright.core.paths import Run
    from voicewright.core.rows import PromptFormat, TrainingRow
    from voicewright.decision.decision import decide
    from voicewright.judging.verdict import verdict_from as verdict
    from voicewright.metrics.voice_report import voice_report
    from voicewright.recipe.recipes import load as load_recipe
    from voicewright.recipe.schema import Recipe, Targets
    from voicewright.stylometry.profile import StyleProfile
    from voicewright.stylometry.validation import validate_corpus

# By public name, the module that defines it and its name there.
_PUBLIC = {
    "load_recipe": "recipe.recipes:load",
    "Recipe": "recipe.schema:Recipe",
    "Targets": "recipe.schema:Targets",
    "Run": "core.paths:Run",
    "StyleProfile": "stylometry.profile:StyleProfile",
    "validate_corpus": "stylometry.validation:validate_corpus",
    "voice_report": "metrics.voice_report:voice_report",
    "verdict": "judging.verdict:verdict_from",
    "decide": "decision.decision:decide",
    "read_document": "core.documents.base:read_document",
    "read_documents": "core.documents.base:read_documents",
    "read_manifest": "core.documents.manifest:read_manifest",
    "TrainingRow": "core.rows:TrainingRow",
    "PromptFormat": "core.rows:PromptFormat",
    "Pair": "core.documents.judging:Pair",
    "PairKey": "core.documents.judging:PairKey",
    "Vote": "core.documents.judging:Vote",
    "Stats": "core.documents.stats:Stats",
    "VoiceReport": "core.documents.voice_report:VoiceReport",
    "Verdict": "core.documents.judging:Verdict",
    "Decision": "core.documents.decision:Decision",
    "ManifestEntry": "core.documents.manifest:ManifestEntry",
    "UserError": "core.errors:UserError",
}

__all__ = [  # noqa: RUF022  # in the order of the reference
    "load_recipe",
    "Recipe",
    "Targets",
    "Run",
    "StyleProfile",
    "validate_corpus",
    "voice_report",
    "verdict",
    "decide",
    "read_document",
    "read_documents",
    "read_manifest",
    "TrainingRow",
    "PromptFormat",
    "Pair",
    "PairKey",
    "Vote",
    "Stats",
    "VoiceReport",
    "Verdict",
    "Decision",
    "ManifestEntry",
    "UserError",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PUBLIC[name].partition(":")
    value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), attribute)
    return value
