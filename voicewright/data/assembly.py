"""From a recipe to its rows: each source by its shape, then one split over all, then the mixture."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from voicewright.core.errors import UserError
from voicewright.data import chat_templates, expansion, mixing, shapes, sources, splitting, tokenizers
from voicewright.data.checks import personal
from voicewright.data.pieces import Context, Made, Piece, finished
from voicewright.recipe.schema import Recipe, RowShape

# Of one kind; the rest are counted.
MOST_ALIKE = 5


@dataclass
class Result:
    """All rows of a run, and how they came about."""

    pieces: list[Piece]
    """Each once, before the mixture."""
    splits: dict[RowShape, dict[splitting.Split, list[Piece]]]
    kept_whole: dict[RowShape, str]
    made: Made
    counter: tokenizers.Counter
    low: int
    high: int
    files: list[sources.File] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)
    """What was read for each source, which may be the sample in its place."""
    synthetic: expansion.Expanded | None = None
    """Beside the training rows, and in no split."""


def make(recipe: Recipe, paths: dict[str, Path], tell: Callable[[str], None]) -> Result:
    """Rows of every source. Raises UserError with everything that is wrong with any of them."""
    files, problems = sources.find(paths)
    counter = tokenizers.load(str(recipe.axolotl["base_model"]), recipe.axolotl)
    data = recipe.data
    spoken = any(source.row_shape != "completion" for source in data.sources.values())
    template = chat_templates.load(counter.dir, recipe.axolotl) if spoken else None
    high = min(data.max_tokens, int(recipe.axolotl.get("sequence_len") or recipe.model.context) - counter.specials)
    low = min(data.min_tokens, high)
    made = Made(problems=problems)
    for name, source in data.sources.items():
        mine = [file for file in files if file.source == name]
        tell(f"{name}: reading {len(mine)} file(s), shape {source.shape}")
        made.add(shapes.make(Context(name, source, mine, data, counter, template, low, high)))
    if made.problems:
        raise UserError(
            condensed(made.problems),
            hint="put these right or take them out of the sources, then the same command again; nothing was written",
        )
    if data.max_rows:
        made.pieces, left = mixing.few(made.pieces, data.max_rows, data.seed)
        made.dropped += left
    if data.mask_personal:
        made.pieces = [_masked(piece, counter, template) for piece in made.pieces]
    labels = {name: sources.label(path) for name, path in paths.items()}
    weights = {name: source.weight for name, source in data.sources.items()}
    splits: dict[RowShape, dict[splitting.Split, list[Piece]]] = {}
    kept_whole: dict[RowShape, str] = {}
    for shape in sorted({piece.shape for piece in made.pieces}):
        tell(f"splitting {shape} rows")
        splits[shape], kept_whole[shape] = splitting.split([p for p in made.pieces if p.shape == shape], data)
        made.dropped += splitting.take_out_repeats(splits[shape])
        splits[shape]["train"] = mixing.draw(splits[shape]["train"], weights, data.seed)
    if not splits:
        reasons = sorted({drop.reason for drop in made.dropped})
        raise UserError(
            f"no rows came of the sources; dropped because: {'; '.join(reasons) or 'nothing was in them'}",
            hint="give more material, or raise data.max_tokens where it was too long",
        )
    result = Result(made.pieces, splits, kept_whole, made, counter, low, high, files, labels)
    if data.expand:
        tell("writing passages in the author's style")
        result.synthetic = expansion.make(recipe, splits["completion"]["train"], made.pieces, counter, high)
        made.dropped += result.synthetic.dropped
    return result


def _masked(piece: Piece, counter: tokenizers.Counter, template: chat_templates.Template | None) -> Piece:
    """The piece with personal data and keys put out of sight, its tokens counted anew."""
    row = personal.masked_row(piece.row)
    if row == piece.row:
        return piece
    turns = [{key: m[key] for key in ("role", "content")} for m in row.get("messages", [])]
    turns += [row["chosen"]] if "chosen" in row else []
    text = template.render(turns) if template and turns else str(row.get("text", ""))
    row["tokens"] = max(piece.row["tokens"], *counter.count([text])) if "chosen" in row else counter.count([text])[0]
    return replace(piece, row=finished({key: value for key, value in row.items() if key != "id"}))


def condensed(problems: list[str]) -> list[str]:
    """Problems with the many that differ only in their place counted rather than listed."""
    alike: dict[str, int] = {}
    told = []
    for problem in problems:
        kind = re.sub(r"\d+", "n", problem.rpartition("/")[2])
        alike[kind] = alike.get(kind, 0) + 1
        if alike[kind] <= MOST_ALIKE:
            told.append(problem)
    more = sum(count - MOST_ALIKE for count in alike.values() if count > MOST_ALIKE)
    return [*told, f"and {more} more like these"] if more else told
