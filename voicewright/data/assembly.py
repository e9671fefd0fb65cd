"""From a recipe to its rows: each source by its shape, then one split over all, then the mixture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from voicewright.core.errors import UserError
from voicewright.core.rows import TrainingRow
from voicewright.data import chat_templates, expansion, sources, splitting, tokenizers
from voicewright.data.chat_templates import Template
from voicewright.data.checks import personal
from voicewright.data.errors import condensed
from voicewright.data.shapes.base import PreparedRow, ShapeContext, ShapeOutput, build_rows, with_id
from voicewright.data.splitting import Split
from voicewright.data.tokenizers import TokenCounter
from voicewright.recipe.schema import Recipe, RowShape
from voicewright.serving.server import current_url


@dataclass
class Assembly:
    """All rows of a run, and how they came about."""

    output: ShapeOutput
    """Of all sources together; its rows are each there once, before the mixture."""
    splits: dict[RowShape, dict[Split, list[PreparedRow]]]
    wholes: dict[RowShape, str]
    """What the split keeps whole: works, chapters, threads, scenes, exchanges or passages."""
    counter: TokenCounter
    min_tokens: int
    max_tokens: int
    """The bounds of a row, after sequence_len."""
    files: list[sources.File]
    source_labels: dict[str, str]
    """The path that was read for each source, which may be the sample in its place."""
    synthetic: expansion.SyntheticRows | None = None
    """Beside the training rows, and in no split."""


def assemble(recipe: Recipe, paths: dict[str, Path], progress: Callable[[str], None]) -> Assembly:
    """Rows of every source (its path by name). Raises UserError with everything that is wrong with any of them."""
    files, problems = sources.find_files(paths)
    counter = tokenizers.load(str(recipe.axolotl["base_model"]), recipe.axolotl)
    data = recipe.data
    needs_template = any(source.row_shape != "completion" for source in data.sources.values())
    template = chat_templates.load(counter.folder, recipe.axolotl) if needs_template else None
    sequence_len = int(recipe.axolotl.get("sequence_len") or recipe.model.context)
    max_tokens = min(data.max_tokens, sequence_len - counter.added_tokens)
    min_tokens = min(data.min_tokens, max_tokens)
    output = ShapeOutput(problems=problems)
    questions_url = current_url(recipe, data.qa.url)
    for name, source in data.sources.items():
        files_of_source = [file for file in files if file.source == name]
        progress(f"{name}: reading {len(files_of_source)} file(s), shape {source.shape}")
        context = ShapeContext(
            name, source, files_of_source, data, counter, template, min_tokens, max_tokens, questions_url
        )
        output.add(build_rows(context))
    if output.problems:
        raise UserError(
            condensed(output.problems),
            hint="put these right or take them out of the sources, then the same command again; nothing was written",
        )
    if data.max_rows:
        output.rows, dropped = splitting.limit(output.rows, data.max_rows, data.seed)
        output.dropped += dropped
    if data.mask_personal:
        output.rows = [_masked(row, counter, template) for row in output.rows]
    weights = {name: source.weight for name, source in data.sources.items()}
    splits: dict[RowShape, dict[Split, list[PreparedRow]]] = {}
    wholes: dict[RowShape, str] = {}
    for shape in sorted({row.shape for row in output.rows}):
        progress(f"splitting {shape} rows")
        splits[shape], wholes[shape] = splitting.split([row for row in output.rows if row.shape == shape], data)
        output.dropped += splitting.remove_repeats(splits[shape])
        splits[shape]["train"] = splitting.mix(splits[shape]["train"], weights, data.seed)
    if not splits:
        reasons = sorted({drop.reason for drop in output.dropped})
        raise UserError(
            f"no rows came of the sources; dropped because: {'; '.join(reasons) or 'nothing was in them'}",
            hint="give more material, or raise data.max_tokens where it was too long",
        )
    labels = {name: sources.label(path) for name, path in paths.items()}
    assembly = Assembly(output, splits, wholes, counter, min_tokens, max_tokens, files, labels)
    if data.expand:
        progress("writing passages in the author's style")
        assembly.synthetic = expansion.expand(recipe, splits["completion"]["train"], output.rows, counter, max_tokens)
        output.dropped += assembly.synthetic.dropped
    return assembly


def _masked(row: PreparedRow, counter: TokenCounter, template: Template | None) -> PreparedRow:
    """The row with personal data and keys masked, its tokens counted again."""
    masked = personal.masked_row(row.row)
    if masked == row.row:
        return row
    tokens = max(counter.count(_rendered(masked, template)))
    if masked.chosen is not None:
        tokens = max(tokens, row.row.tokens)
    return replace(row, row=with_id(masked.model_copy(update={"tokens": tokens})))


def _rendered(row: TrainingRow, template: Template | None) -> list[str]:
    """What is trained on: the raw text, or the conversation in the template, once for each of two replies."""
    if row.messages is None or template is None:
        return [row.text or ""]
    replies = [[reply] for reply in (row.chosen, row.rejected) if reply is not None] or [[]]
    return [template.render([*row.messages, *reply]) for reply in replies]
