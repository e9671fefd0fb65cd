"""The shape `modes`: memories (type, text, time, metadata) as samples of three cognitive modes, and their metrics.

dual: <thought> -> <world>; emulation: <user> -> <assistant>; agent: <instruction> -> <action>.
The intermediate steps lie beside the rows in data/modes/<source>/: curated, formatted, schema_applied, final and
summary.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

import yaml

from voicewright.core.documents.base import Document
from voicewright.core.documents.preparation import FormattedMemory, Memory, ModeSample, ModesSummary
from voicewright.core.documents.stats import ModeMetric
from voicewright.core.errors import UserError
from voicewright.core.paths import CONFIGS_DIR
from voicewright.core.rows import MODE_TAGS, TrainingRow
from voicewright.data.readers import json_rows
from voicewright.data.readers.json_rows import JsonRow
from voicewright.data.shapes.base import PreparedRow, ShapeContext, ShapeOutput, shape, with_id

FAMILIES_DIR = CONFIGS_DIR / "data" / "families"
# Where a memory may say what it answers, in the order in which they are looked for.
_CUES = ("prompt", "context", "question", "stimulus", "thought", "user", "instruction")
# Samples that are enough for full fine-tuning and for LoRA.
ENOUGH_FULL, ENOUGH_LORA = 5000, 1000
MIN_SHARES = {"dual": 0.20, "emulation": 0.20, "agent": 0.10}
Status = Literal["green", "amber", "red"]


@dataclass(frozen=True)
class Family:
    """How a family of models marks the two roles."""

    user_prefix: str = ""
    assistant_prefix: str = "\n"
    eos_token: str = ""


def family(name: str | None) -> Family:
    """A family's schema. Raises UserError for one that does not exist or has unknown keys."""
    if name is None:
        return Family()
    path = FAMILIES_DIR / f"{name}.yaml"
    known = ", ".join(sorted(path.stem for path in FAMILIES_DIR.glob("*.yaml")))
    if not path.is_file():
        raise UserError(f"data.modes.family: there is no {path.name} in configs/data/families. Families: {known}")
    try:
        return Family(**yaml.safe_load(path.read_text(encoding="utf-8")))
    except TypeError as error:
        raise UserError(
            f"configs/data/families/{path.name}: {error}; keys: user_prefix, assistant_prefix, eos_token"
        ) from None


@shape("modes", rows="completion")
def samples(context: ShapeContext) -> ShapeOutput:
    """Samples of all memories of a source."""
    output = ShapeOutput()
    model_family = family(context.data.modes.family)
    memories: list[Memory] = []
    for _, json_row in json_rows.read_all(context.files, output.problems):
        memory = _memory(json_row, output, context)
        if memory is not None:
            memories.append(memory)
    formatted = [_formatted(memory) for memory in memories]
    output.problems += [problem for memory in memories for problem in _foreign_tags(memory)]
    texts = [_text(each, model_family, context) for each in formatted]
    tokens = context.counter.count(texts)
    for memory, text, count in zip(memories, texts, tokens, strict=True):
        if count > context.max_tokens:
            reason = f"the sample has {count} tokens, more than max_tokens ({context.max_tokens})"
            output.drop(memory.place, reason, len(text.split()))
            continue
        work = PurePath(memory.place.rpartition(":")[0] or memory.place).stem
        row = TrainingRow(id="", source=memory.place, work=work, mode=memory.mode, tokens=count, text=text)
        # Memories of one day lean on one another.
        day = memory.time[:10] or memory.place
        output.rows.append(PreparedRow(with_id(row), context.source_name, f"{work} {day}", memory.place))
    output.mode_replies = [(memory.mode, memory.reply) for memory in memories]
    if not output.problems:
        output.files |= _intermediate_files(context, memories, formatted, texts, output)
    return output


def without_filler(reply: str, fillers: list[str]) -> str:
    """The reply without the phrases of the list that it begins with."""
    while True:
        opening = next((f for f in fillers if reply.lower().startswith(f.lower())), None)
        if opening is None:
            return reply
        rest = reply[len(opening) :].lstrip(" ,.!;:-—")
        reply = rest[:1].upper() + rest[1:]


def metrics(replies: Sequence[tuple[str, str]], fillers: Sequence[str]) -> list[ModeMetric]:
    """Whether samples (mode, reply) are short, balanced, free of filler and numerous enough; each with its fix."""
    lengths = [len(reply.split()) for _, reply in replies]
    n = len(replies) or 1
    average = sum(lengths) / n
    short = sum(length <= 40 for length in lengths) / n
    long = sum(length > 100 for length in lengths) / n
    filler = sum(any(phrase.lower() in reply.lower() for phrase in fillers) for _, reply in replies) / n
    rows = [
        _metric("average reply", average, "30 to 40 words", _band(average, 30, 40, red=lambda value: value > 60),
                "cut long replies at a sentence, or merge replies of a few words"),
        _metric("short replies", short, "over 80% of at most 40 words", _above(short, 0.8, 0.6),
                "split long memories, or leave the longest out"),
        _metric("long replies", long, "5 to 10% of more than 100 words", _band(long, 0.05, 0.10),
                "add a few long memories, or cut some"),
        _metric("filler", filler, "under 2%", _below(filler, 0.02, 0.05),
                "add the phrases to data.modes.fillers, or rewrite these replies"),
    ]  # fmt: skip
    for mode, minimum in MIN_SHARES.items():
        share = sum(each == mode for each, _ in replies) / n
        fix = f"map more types to {mode} in data.modes.types, or add memories of it"
        rows.append(_metric(f"share of {mode}", share, f"over {minimum:.0%}", _above(share, minimum, 0.05), fix))
    status: Status = "green" if len(replies) >= ENOUGH_FULL else "amber" if len(replies) >= ENOUGH_LORA else "red"
    target = f"{ENOUGH_FULL:,} for full fine-tuning, {ENOUGH_LORA:,} for LoRA"
    fix = "add memories; with fewer, train LoRA and stop early"
    return [*rows, _metric("samples", len(replies), target, status, fix)]


def _memory(row: JsonRow, output: ShapeOutput, context: ShapeContext) -> Memory | None:
    value, settings = row.value, context.data.modes
    kind, text = str(value.get("type") or ""), value.get("text")
    if not isinstance(text, str) or not text.strip():
        output.drop(row.place, "the memory has no text")
        return None
    mode = settings.types.get(kind)
    if mode is None:
        known = ", ".join(settings.types) or "none"
        output.problems.append(
            f"{row.place}: type {kind!r} has no mode; add it to data.modes.types (types there: {known})"
        )
        return None
    if settings.only and mode not in settings.only:
        output.drop(row.place, f"its mode, {mode}, is not in data.modes.only", len(text.split()))
        return None
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    cue = next((str(metadata[key]) for key in _CUES if metadata.get(key)), "")
    tagged = _tagged_pair(text, mode)
    cue, reply = tagged if tagged else (cue, text)
    reply = without_filler(reply.strip(), settings.fillers)
    if not cue.strip() or not reply:
        lacks = "nothing that it answers (metadata: prompt, context, ...)" if reply else "nothing but filler"
        output.drop(row.place, f"the memory has {lacks}", len(text.split()))
        return None
    time = str(value.get("time") or "")
    return Memory(place=row.place, mode=mode, type=kind, time=time, cue=cue.strip(), reply=reply)


def _tagged_pair(text: str, mode: str) -> tuple[str, str] | None:
    """The two parts of a text that has the tags of its mode already."""
    first, second = MODE_TAGS[mode]
    match = re.search(rf"<{first}>(.*?)(?:</{first}>)?\s*<{second}>(.*?)(?:</{second}>|$)", text, re.DOTALL)
    return (match[1], match[2]) if match else None


def _foreign_tags(memory: Memory) -> list[str]:
    tags = sorted(
        {
            match[0]
            for match in re.finditer(r"</?(\w+)>", f"{memory.cue} {memory.reply}")
            if any(match[1] in names for names in MODE_TAGS.values())
        }
    )
    return [f"{memory.place}: a {memory.mode} sample holds {', '.join(tags)}: modes must not mix"] if tags else []


def _formatted(memory: Memory) -> FormattedMemory:
    first, second = MODE_TAGS[memory.mode]
    prompt, reply = f"<{first}>{memory.cue}</{first}>", f"<{second}>{memory.reply}</{second}>"
    return FormattedMemory(source=memory.place, mode=memory.mode, prompt=prompt, reply=reply)


def _text(memory: FormattedMemory, model_family: Family, context: ShapeContext) -> str:
    # Axolotl ends a raw row with the model's own end of text: one is enough.
    eos = "" if model_family.eos_token == context.counter.eos else model_family.eos_token
    return f"{model_family.user_prefix}{memory.prompt}{model_family.assistant_prefix}{memory.reply}{eos}"


def _intermediate_files(
    context: ShapeContext,
    memories: list[Memory],
    formatted: list[FormattedMemory],
    texts: list[str],
    output: ShapeOutput,
) -> dict[str, str | list[Document]]:
    wrapped = [
        ModeSample(source=memory.place, mode=memory.mode, text=text)
        for memory, text in zip(memories, texts, strict=True)
    ]
    summary = ModesSummary(
        memories=len(memories),
        dropped=output.dropped,
        metrics=metrics(output.mode_replies, context.data.modes.fillers),
    )
    folder = f"modes/{context.source_name}"
    return {
        f"{folder}/curated.jsonl": [*memories],
        f"{folder}/formatted.jsonl": [*formatted],
        f"{folder}/schema_applied.jsonl": [*wrapped],
        f"{folder}/final.jsonl": [row.row for row in output.rows],
        f"{folder}/summary.json": json.dumps(summary.to_json(), ensure_ascii=False, indent=2) + "\n",
    }


def _metric(name: str, value: float, target: str, status: Status, fix: str) -> ModeMetric:
    return ModeMetric(
        name=name, value=round(value, 4), target=target, status=status, fix=None if status == "green" else fix
    )


def _above(value: float, green: float, red: float) -> Status:
    return "green" if value > green else "red" if value < red else "amber"


def _below(value: float, green: float, red: float) -> Status:
    return "green" if value < green else "red" if value > red else "amber"


def _band(value: float, low: float, high: float, red: Callable[[float], bool] = lambda _: False) -> Status:
    return "green" if low <= value <= high else "red" if red(value) else "amber"
