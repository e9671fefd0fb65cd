"""`make new`: a recipe that fits a writer's material and a machine, every choice with its reason.

Two tables and a few sums choose. APPROACHES: what each kind of material is made into, as the shipped recipe that does
the same. MODELS: the largest model with a free license that trains and is served on a card with room to spare.
tests/data/test_new_recipe.py holds every row of both against the memory that `make plan` expects.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from voicewright.core import environments, paths
from voicewright.core.errors import UserError, did_you_mean
from voicewright.core.gpus import Card, cards
from voicewright.core.paths import Run, given_path
from voicewright.core.units import GB
from voicewright.data import material as materials
from voicewright.data.errors import condensed
from voicewright.data.material import TOKENS_PER_WORD, Kind, Material
from voicewright.data.shapes.modes import FAMILIES_DIR
from voicewright.pipeline.plan import single_cards
from voicewright.recipe import recipes
from voicewright.recipe.limits import SPECIAL_TOKENS

PLAIN_WORD = re.compile(r"[a-z][a-z0-9_-]*")
METHODS = {
    "qlora": "a 4-bit base and adapters beside it: the least memory",
    "lora": "adapters beside a base in its own precision, for which there is room",
    "dpo": "adapters that move towards the chosen replies",
}


@dataclass(frozen=True)
class Approach:
    """What is made of a kind of material."""

    shape: str
    data: str
    """The file of configs/data/."""
    eval: str
    """The file of configs/eval/."""
    shipped_recipe: str
    """The recipe that does the same; recipes/<its first word>.md describes it."""
    reason: str
    unit: str
    min_amount: int
    """Of the unit: less cannot be trained on, held out and measured by."""
    good_amount: int
    """Of the unit: from here on, more is no longer what a run lacks first."""
    max_row_tokens: int
    """Whatever the card could hold."""


APPROACHES: dict[Kind, Approach] = {
    "prose": Approach("completion", "manuscript", "narrative_voice", "visions",
                      "the model learns to continue your passages as they are", "words", 5_000, 50_000, 4096),
    "pdf": Approach("qa", "qa", "essays", "peterson",
                    "a model asks questions that your passages answer", "words", 5_000, 50_000, 1024),
    "chats": Approach("chat", "chat", "conversation", "brie",
                      "one speaker's turns are trained on, the others' are what they answer",
                      "conversations", 30, 500, 4096),
    "instructions": Approach("instruction", "chat", "instruction", "freethought",
                             "the answers are trained on, the questions are not", "instructions", 60, 1_000, 2048),
    "pairs": Approach("preference", "preference", "instruction", "freethought_dpo",
                      "the model learns to prefer the chosen reply (DPO)", "pairs", 40, 1_000, 2048),
    "memories": Approach("modes", "modes", "modes", "modes",
                         "each memory is a sample of one of three modes", "memories", 40, 1_000, 2048),
}  # fmt: skip


@dataclass(frozen=True)
class ModelChoice:
    """What a card of at least so many GB can train, and serve afterwards."""

    min_card_gb: float
    model: str
    method: str
    max_row_tokens: int


MODELS = (
    ModelChoice(80, "qwen3_14b", "lora", 4096),
    ModelChoice(48, "qwen3_14b", "qlora", 4096),
    ModelChoice(32, "qwen2_5_7b", "lora", 4096),
    ModelChoice(24, "qwen2_5_7b", "qlora", 4096),
    ModelChoice(16, "phi_3_mini", "lora", 4096),
    ModelChoice(12, "phi_3_mini", "qlora", 4096),
    ModelChoice(0, "qwen2_5_0_5b", "lora", 1024),
)
MODEL_WITHOUT_CARD = ModelChoice(0, "tiny", "qlora", 512)
# A card has a little less memory than its name: 24,564 MiB of 24 GB, 15,360 MiB of 16.
OF_ITS_NAME = 0.9

ROW_LENGTHS = (512, 1024, 2048, 4096)
MIN_ROWS = 32
# Passages are cut between an eighth of the longest and the longest.
MIN_SHARE_OF_LONGEST = 1 / 8
MEAN_SHARE_OF_LONGEST = (1 + MIN_SHARE_OF_LONGEST) / 2


@dataclass(frozen=True)
class Machine:
    """The machine that a recipe is for."""

    hardware: str
    """The file of configs/hardware/."""
    card_gb: float
    """Memory of its accelerator in GiB, 0 without one."""
    description: str
    memory_gb: int | None = None
    """What the recipe says of it, where that is not what the file says."""


@dataclass(frozen=True)
class Choice:
    """What a new recipe says."""

    approach: Approach
    machine: Machine
    model: str
    method: str
    serve: str
    sequence_len: int
    row_count: int
    gradient_accumulation: int


def new_recipe(name: str, source: str, overrides: Sequence[str] = (), *, dry_run: bool = False) -> str:
    """Write recipes/<name>.yaml for the material at `source`; return what was chosen and what comes next, as lines.

    `overrides` (`hardware=`, `model=`, `method=`) choose in the user's stead: a laptop's user names the card that is
    rented. Nothing is overwritten; a dry run writes nothing. Raises UserError for a name that is taken or none, for
    material that cannot be read or is too little, and for an override of something else.
    """
    check_name(name)
    chosen = _choices_of(overrides)
    kinds = survey(source)
    machine = named_machine(chosen["hardware"]) if "hardware" in chosen else this_machine(cards())
    choice = choose(kinds[0], machine, chosen)
    text = render(name, source, kinds, choice)
    path = paths.RECIPES_DIR / f"{name}.yaml"
    if not dry_run:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:  # never over one that appeared meanwhile
            file.write(text)
        try:
            recipes.compose(name)
        except UserError:
            path.unlink()
            raise
    return summary(name, source, kinds, choice)


def check_name(name: str) -> None:
    """Raise UserError for a name that is taken, or is none."""
    # `no` and `on` are words too, but YAML reads truth in them.
    if not PLAIN_WORD.fullmatch(name) or yaml.safe_load(name) != name or name in ("base", *recipes.groups()):
        raise UserError(
            f"RECIPE={name}: expected a plain word (small letters, digits, - and _) that configs/ has no file for",
            hint="make new RECIPE=mine SOURCE=manuscripts/sample",
        )
    taken = [f"recipes/{name}.yaml"] if name in recipes.names() else []
    taken += [f"runs/{name}"] if Run(name).recipe_path.exists() else []
    if taken:
        raise UserError(
            f"{' and '.join(taken)} exists and is not overwritten", hint=f"RECIPE={name}-2, or another name"
        )


def survey(source: str) -> list[Material]:
    """The kinds of material there, the most words first. Raises UserError where it cannot be read, or is too little."""
    if not source:
        raise UserError(
            "SOURCE is missing: a file, a folder or a glob", hint="make new RECIPE=mine SOURCE=manuscripts/sample"
        )
    kinds, problems = materials.survey(given_path(source))
    if problems:
        lines = [problem.replace("data.sources.SOURCE", "SOURCE") for problem in condensed(problems)]
        raise UserError(lines, hint="put these right or take them out, then the same command again")
    approach = APPROACHES[kinds[0].kind]
    if amount(kinds[0]) < approach.min_amount:
        raise UserError(
            f"{source}: {description(kinds[0])}: too little to learn from and to measure by; "
            f"at least {approach.min_amount:,} {approach.unit} are needed, {approach.good_amount:,} are good",
            hint="add more; `make demo` shows the path on a short novel meanwhile",
        )
    return kinds


def choose(material: Material, machine: Machine, chosen: Mapping[str, str] | None = None) -> Choice:
    """What fits a material on a machine; `chosen` names model or method instead."""
    chosen = chosen or {}
    approach = APPROACHES[material.kind]
    is_dpo = material.kind == "pairs"
    # DPO keeps the base in 16 bits, as LoRA does.
    models = [row for row in MODELS if not is_dpo or row.method == "lora"]
    row = next(r for r in models if machine.card_gb >= OF_ITS_NAME * r.min_card_gb)
    best = row if machine.card_gb else MODEL_WITHOUT_CARD
    sequence_len = row_length(material, min(best.max_row_tokens, approach.max_row_tokens))
    n_rows = count_rows(material, sequence_len)
    return Choice(
        approach,
        machine,
        chosen.get("model", best.model),
        chosen.get("method", "dpo" if is_dpo else best.method),
        "external" if machine.hardware == "apple" else "vllm",
        sequence_len,
        n_rows,
        gradient_accumulation(n_rows),
    )


def this_machine(installed: Sequence[Card]) -> Machine:
    """The machine that this runs on, by the largest of its cards."""
    memory = psutil.virtual_memory().total / GB
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        # Half of it is everybody else's, and it trains in 32 bits where the table's cards take 16.
        return Machine("apple", memory / 4, f"an Apple computer with {memory:.0f} GB", round(memory / 2))
    if environments.accelerator() == "cpu":
        return Machine("cpu", 0, f"no GPU, {psutil.cpu_count()} cores, {memory:.0f} GB of memory")
    if not installed:
        return Machine("gpu_12gb", 12, "a GPU whose driver does not report its memory")
    largest = max(installed, key=lambda card: card.total)
    gb = largest.total / GB
    smallest_known = min(single_cards())
    fitting = [(size, name) for size, name in single_cards() if gb >= OF_ITS_NAME * size] or [smallest_known]
    others = f" (one of {len(installed)})" if len(installed) > 1 else ""
    named = round(gb) if gb < OF_ITS_NAME * smallest_known[0] else None
    return Machine(max(fitting)[1], gb, largest.label + others, named)


def named_machine(hardware: str) -> Machine:
    """The machine of a file of configs/hardware/. Raises UserError where there is none."""
    names = recipes.choices("hardware")
    if hardware not in names:
        meant = did_you_mean(hardware, names)
        raise UserError(f"SET: hardware={hardware}: no such hardware{meant}. There are: {', '.join(names)}")
    tree = recipes.choice_tree("hardware", hardware)["hardware"]
    gb = 0.0 if hardware == "cpu" else float(tree["memory_gb"]) / (2 if hardware == "apple" else 1)
    return Machine(hardware, gb, f"configs/hardware/{hardware}.yaml, as SET says")


def row_length(material: Material, most: int) -> int:
    """Tokens of a row: passages as long as leaves enough of them; others long enough for nearly every one."""
    lengths = [length for length in ROW_LENGTHS if length <= most]
    if material.kind in ("prose", "pdf"):
        return max([length for length in lengths if count_rows(material, length) >= MIN_ROWS] or lengths[:1])
    long_part = sorted(material.parts)[int(0.95 * (len(material.parts) - 1))] * TOKENS_PER_WORD
    return next((length for length in lengths if length >= 1.2 * long_part), lengths[-1])


def count_rows(material: Material, length: int) -> int:
    """About how many rows the material makes."""
    in_passages = material.kind in ("prose", "pdf")
    return round(material.tokens / (MEAN_SHARE_OF_LONGEST * length)) if in_passages else len(material.parts)


def gradient_accumulation(row_count: int) -> int:
    """Rows of a step: few rows must make more of smaller steps."""
    return 8 if row_count >= 400 else 4 if row_count >= 100 else 2


def render(name: str, source: str, kinds: Sequence[Material], choice: Choice) -> str:
    """The recipe's YAML, every choice with its reason."""
    engine = Environment(  # noqa: S701 (YAML, no HTML)
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    material = kinds[0]
    families = [path.stem for path in FAMILIES_DIR.glob("*.yaml") if choice.model.startswith(path.stem)]
    return engine.get_template("new.yaml.j2").render(
        name=name,
        choice=choice,
        approach=choice.approach,
        machine=choice.machine,
        kind=material.kind,
        description=f"{source}: {description(material)}",
        page=f"{choice.approach.shipped_recipe.partition('_')[0]}.md",
        method_reason=METHODS.get(choice.method, "as SET says"),
        # Quoted: YAML would read 1984 as a number.
        patterns=[json.dumps(pattern, ensure_ascii=False) for pattern in patterns(material, source, kinds[1:])],
        speakers=", ".join(f"{speaker} {words:,}" for speaker, words in material.speakers.most_common(4)),
        special_tokens=SPECIAL_TOKENS,
        family=families[0] if families else "null",
    )


def summary(name: str, source: str, kinds: Sequence[Material], choice: Choice) -> str:
    """What was found, what was chosen and why, and what comes next, a line each."""
    approach, material = choice.approach, kinds[0]
    lines = [
        f"material   {description(material)}",
        f"machine    {choice.machine.description}: hardware={choice.machine.hardware}",
        f"data       {approach.data}: {approach.reason}, as in recipes/{approach.shipped_recipe}.yaml",
        f"model      {choice.model} by {choice.method}: {METHODS.get(choice.method, 'as SET says')}",
        f"rows       up to {choice.sequence_len:,} tokens, about {choice.row_count:,} of them",
        f"written    recipes/{name}.yaml",
    ]
    if amount(material) < approach.good_amount:
        lines.append(
            f"note       {approach.good_amount:,} {approach.unit} are good: with fewer, intervals will be wide"
        )
    if choice.machine.hardware == "cpu":
        lines.append('note       the embedded model writes nonsense; for a rented card: SET="hardware=gpu_24gb"')
    for other in kinds[1:]:
        lines += [f"left out   {description(other)}", f"           {recipe_for_other(other, name, source, kinds)}"]
    return "\n".join([*lines, f"next       make plan RECIPE={name}"])


def amount(material: Material) -> int:
    """How much there is, in the unit of its kind."""
    return material.words if APPROACHES[material.kind].unit == "words" else len(material.parts)


def description(material: Material) -> str:
    """What there is of one kind, for people."""
    unit = APPROACHES[material.kind].unit
    parts = f"{len(material.parts):,} {'chapters' if unit == 'words' else unit}"
    name = {"pdf": "books in PDF"}.get(material.kind, material.kind)
    return (
        f"{name} in {len(material.files)} file(s): {parts}, {material.words:,} words, about {material.tokens:,} tokens"
    )


def patterns(material: Material, source: str, others: Sequence[Material]) -> list[str]:
    """What names the files of this kind and no other: SOURCE itself, or endings, or single files."""
    other_endings = {file.path.suffix for other in others for file in other.files}
    endings = {file.path.suffix for file in material.files}
    if not others:
        return [source]
    if "" in endings or endings & other_endings or not given_path(source).is_dir():
        return [file.label for file in material.files]
    return [f"{source.rstrip('/')}/**/*{ending}" for ending in sorted(endings)]


def recipe_for_other(other: Material, name: str, source: str, kinds: Sequence[Material]) -> str:
    """The command that makes a recipe of a kind that was left out."""
    if amount(other) < APPROACHES[other.kind].min_amount:
        return "too little for a recipe of its own"
    named = patterns(other, source, [kind for kind in kinds if kind is not other])
    if len(named) == 1:
        return f"make new RECIPE={name}-{other.kind} SOURCE='{named[0]}'"
    return f"put these into a folder of their own and make a recipe of it: {', '.join(named)}"


def _choices_of(overrides: Sequence[str]) -> dict[str, str]:
    choices = dict(override.partition("=")[::2] for override in overrides)
    allowed = ("hardware", "model", "method")
    problems = [
        f"SET: {key}{did_you_mean(key, allowed)}: a new recipe takes {', '.join(allowed)}; the rest is yours to edit"
        for key in choices
        if key not in allowed
    ]
    if problems:
        raise UserError(problems, hint='make new RECIPE=mine SOURCE=manuscripts/sample SET="hardware=gpu_24gb"')
    return choices
