"""Write a recipe that fits your material and this machine: `python -m prepare.new NAME source=PATH`.

Looks at the files (which kinds, how much of each) and at the machine, writes recipes/NAME.yaml with what was chosen and
why, and says what to do next. Nothing is overwritten, and nothing is made of the material yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from voicewright.cli import arguments
from voicewright.core import paths as layout
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.gpus import cards
from voicewright.core.paths import REPO_DIR, Run
from voicewright.data import material
from voicewright.data.errors import condensed
from voicewright.data.material import Material
from voicewright.data.shapes.modes import FAMILIES_DIR
from voicewright.data.tables import console
from voicewright.pipeline import recipe_choice
from voicewright.pipeline.recipe_choice import WAYS, Fit
from voicewright.recipe import recipes
from voicewright.recipe.limits import SPECIAL_TOKENS

PLAIN = re.compile(r"[a-z][a-z0-9_-]*")
METHODS = {
    "qlora": "a 4-bit base and adapters beside it: the least memory",
    "lora": "adapters beside a base in its own precision, for which there is room",
    "dpo": "adapters that move towards the chosen replies",
}


def check(name: str) -> None:
    """Raise UserError for a name that is taken, or is none."""
    # `no` and `on` are words too, but YAML reads truth in them.
    if not PLAIN.fullmatch(name) or yaml.safe_load(name) != name or name in ("base", *recipes.groups()):
        raise UserError(
            f"RECIPE={name}: expected a plain word (small letters, digits, - and _) that configs/ has no file for",
            hint="make new RECIPE=mine SOURCE=...",
        )
    taken = [f"recipes/{name}.yaml"] if name in recipes.names() else []
    taken += [f"runs/{name}"] if Run(name).recipe_path.exists() else []
    if taken:
        raise UserError(f"{' and '.join(taken)}: there already, and left as it is", hint=f"RECIPE={name}-2, or another")


def look(given: str) -> list[Material]:
    """The kinds of material there, the most words first. Raises UserError where it cannot be read, or is too little."""
    if not given:
        raise UserError("SOURCE is missing: a file, a folder or a glob", hint="make new RECIPE=mine SOURCE=...")
    found, problems = material.survey(REPO_DIR / Path(given).expanduser())
    if problems:
        told = [problem.replace("data.sources.SOURCE", "SOURCE") for problem in condensed(problems)]
        raise UserError(told, hint="put these right or take them out, then the same command again")
    way = WAYS[found[0].kind]
    if amount(found[0]) < way.fewest:
        raise UserError(
            f"{given}: {told_of(found[0])}: too little to learn from and to measure by, "
            f"{way.fewest:,} {way.unit} are the least and {way.enough:,} a good many",
            hint="add more; `make demo` shows the path on a short novel of ours meanwhile",
        )
    return found


def amount(seen: Material) -> int:
    """How much there is, in the unit of its kind."""
    return seen.words if WAYS[seen.kind].unit == "words" else len(seen.parts)


def told_of(seen: Material) -> str:
    """What there is of one kind, for people."""
    unit = WAYS[seen.kind].unit
    parts = f"{len(seen.parts):,} {'chapters' if unit == 'words' else unit}"
    name = {"pdf": "books in PDF"}.get(seen.kind, seen.kind)
    return f"{name} in {len(seen.files)} file(s): {parts}, {seen.words:,} words, about {seen.tokens:,} tokens"


def patterns(seen: Material, given: str, others: Sequence[Material]) -> list[str]:
    """What names the files of this kind and no other: SOURCE itself, or endings, or single files."""
    foreign = {file.path.suffix for other in others for file in other.files}
    endings = {file.path.suffix for file in seen.files}
    if not others:
        return [given]
    if "" in endings or endings & foreign or not (REPO_DIR / Path(given).expanduser()).is_dir():
        return [file.label for file in seen.files]
    return [f"{given.rstrip('/')}/**/*{ending}" for ending in sorted(endings)]


def written(name: str, given: str, found: Sequence[Material], fit: Fit) -> str:
    """The recipe, every choice with its reason."""
    engine = Environment(  # noqa: S701 (YAML, no HTML)
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    seen = found[0]
    paths = patterns(seen, given, found[1:])
    families = [path.stem for path in FAMILIES_DIR.glob("*.yaml") if fit.model.startswith(path.stem)]
    return engine.get_template("new.yaml.j2").render(
        name=name,
        kind=seen.kind,
        told=f"{given}: {told_of(seen)}",
        page=f"{fit.way.like.partition('_')[0]}.md",
        fit=fit,
        way=fit.way,
        method=METHODS[fit.method],
        patterns=[json.dumps(path, ensure_ascii=False) for path in paths],  # YAML would read 1984 as a number
        speakers=", ".join(f"{who} {words:,}" for who, words in seen.speakers.most_common(4)),
        specials=SPECIAL_TOKENS,
        family=families[0] if families else "null",
        rows=f"{recipe_choice.rows(seen, fit.sequence_len):,}",
    )


def way_to(other: Material, name: str, given: str, found: Sequence[Material]) -> str:
    """What makes a recipe of a kind that was left out."""
    if amount(other) < WAYS[other.kind].fewest:
        return "too little for a recipe of its own"
    where = patterns(other, given, [kind for kind in found if kind is not other])
    if len(where) == 1:
        return f"make new RECIPE={name}-{other.kind} SOURCE='{where[0]}'"
    return f"put these into a folder of their own, which make new takes too: {', '.join(where)}"


@exits_cleanly
def main() -> None:
    name, options = arguments.parse(__doc__, {"source": None}, name="NAME")
    given = options["source"] or ""
    check(name)
    found = look(given)
    fit = recipe_choice.fit(found[0], cards())
    path = layout.RECIPES_DIR / f"{name}.yaml"
    with path.open("x", encoding="utf-8") as file:  # never over one that appeared meanwhile
        file.write(written(name, given, found, fit))
    try:
        recipes.compose(name)
    except UserError:
        path.unlink()
        raise
    tell(name, given, found, fit)


def tell(name: str, given: str, found: Sequence[Material], fit: Fit) -> None:
    """What was seen, what was chosen and why, and what comes next."""
    way, seen = fit.way, found[0]
    lines = [
        f"material   {told_of(seen)}",
        f"machine    {fit.seen}",
        f"data       {way.data}: {way.why}, as in recipes/{way.like}.yaml",
        f"model      {fit.model} by {fit.method}: {METHODS[fit.method]}",
        f"rows       up to {fit.sequence_len:,} tokens, about {recipe_choice.rows(seen, fit.sequence_len):,} of them",
        f"written    recipes/{name}.yaml",
    ]
    if amount(seen) < way.enough:
        lines.append(f"note       {way.enough:,} {way.unit} are a good many: with fewer, intervals will be wide")
    if fit.hardware == "cpu":
        lines.append("note       the embedded model writes nonsense: make the recipe again where there is a GPU")
    for other in found[1:]:
        lines += [f"left out   {told_of(other)}", f"           {way_to(other, name, given, found)}"]
    for line in [*lines, f"next       make plan RECIPE={name}"]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
