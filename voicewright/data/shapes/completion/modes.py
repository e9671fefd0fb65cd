"""The shape `modes`: memories (type, text, time, metadata) as samples of three cognitive modes.

dual: <thought> -> <world>; emulation: <user> -> <assistant>; agent: <instruction> -> <action>.
The steps are kept beside the rows in data/modes/<source>/: curated, formatted, schema_applied, final, summary.json.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import PurePath

import yaml

from voicewright.core.errors import UserError
from voicewright.core.paths import CONFIGS_DIR
from voicewright.core.records import Row
from voicewright.data.checks import mode_metrics
from voicewright.data.document import Drop
from voicewright.data.pieces import Context, Made, Piece, finished
from voicewright.data.readers import json_rows
from voicewright.data.readers.json_rows import Placed

TAGS = {"dual": ("thought", "world"), "emulation": ("user", "assistant"), "agent": ("instruction", "action")}
FAMILIES_DIR = CONFIGS_DIR / "data" / "families"
# Where a memory may say what it answers, in the order they are looked for.
_CUES = ("prompt", "context", "question", "stimulus", "thought", "user", "instruction")


@dataclass(frozen=True)
class Family:
    """How a family of models marks the two roles."""

    user_prefix: str = ""
    assistant_prefix: str = "\n"
    eos_token: str = ""


@dataclass(frozen=True)
class Memory:
    """A memory that is in, its mode decided: what it answers, and what it says."""

    place: str
    mode: str
    type: str
    time: str
    cue: str
    reply: str


def family(name: str | None) -> Family:
    """A family's schema. Raises UserError for one that does not exist or has keys it should not have."""
    if name is None:
        return Family()
    path = FAMILIES_DIR / f"{name}.yaml"
    known = ", ".join(sorted(each.stem for each in FAMILIES_DIR.glob("*.yaml")))
    if not path.is_file():
        raise UserError(f"data.modes.family: there is no {path.name} in configs/data/families. Families: {known}")
    try:
        return Family(**yaml.safe_load(path.read_text(encoding="utf-8")))
    except TypeError as error:
        raise UserError(
            f"configs/data/families/{path.name}: {error}; keys: user_prefix, assistant_prefix, eos_token"
        ) from None


def make(context: Context) -> Made:
    """Samples of all memories of a source."""
    made = Made()
    wrap = family(context.data.modes.family)
    curated: list[Memory] = []
    for _, placed in json_rows.every(context.files, made.problems):
        _curate(placed, curated, made, context)
    formatted = [_formatted(memory) for memory in curated]
    made.problems += [problem for memory in curated for problem in _foreign_tags(memory)]
    wrapped = [_wrapped(cue, reply, wrap, context) for cue, reply in formatted]
    tokens = context.counter.count(wrapped)
    for memory, text, count in zip(curated, wrapped, tokens, strict=True):
        if count > context.high:
            reason = f"the sample has {count} tokens, more than max_tokens ({context.high})"
            made.dropped.append(Drop(memory.place, reason, len(text.split())))
            continue
        work = PurePath(memory.place.rpartition(":")[0] or memory.place).stem
        row = {"source": memory.place, "work": work, "mode": memory.mode, "tokens": count, "text": text}
        # Memories of one day lean on one another.
        day = memory.time[:10] or memory.place
        made.pieces.append(Piece(finished(row), "completion", context.name, f"{work} {day}", memory.place))
    made.replies = [(memory.mode, memory.reply) for memory in curated]
    if not made.problems:
        _keep(context, curated, formatted, wrapped, made)
    return made


def _curate(placed: Placed, curated: list[Memory], made: Made, context: Context) -> None:
    value, settings = placed.value, context.data.modes
    kind, text = str(value.get("type") or ""), value.get("text")
    if not isinstance(text, str) or not text.strip():
        made.dropped.append(Drop(placed.place, "the memory has no text"))
        return
    mode = settings.types.get(kind)
    if mode is None:
        known = ", ".join(settings.types) or "none"
        made.problems.append(f"{placed.place}: type {kind!r} has no mode; add it to data.modes.types (there: {known})")
        return
    if settings.only and mode not in settings.only:
        made.dropped.append(Drop(placed.place, f"its mode, {mode}, is not in data.modes.only", len(text.split())))
        return
    metadata = value.get("metadata") if isinstance(value.get("metadata"), dict) else {}
    assert isinstance(metadata, dict)
    cue = next((str(metadata[key]) for key in _CUES if metadata.get(key)), "")
    tagged = _pair_in(text, mode)
    cue, reply = tagged if tagged else (cue, text)
    reply = without_filler(reply.strip(), settings.fillers)
    if not cue.strip() or not reply:
        lacks = "nothing that it answers (metadata: prompt, context, ...)" if reply else "nothing but filler"
        made.dropped.append(Drop(placed.place, f"the memory has {lacks}", len(text.split())))
        return
    curated.append(Memory(placed.place, mode, kind, str(value.get("time") or ""), cue.strip(), reply))


def without_filler(reply: str, fillers: list[str]) -> str:
    """The reply without the phrases of the list that it begins with."""
    while True:
        opening = next((f for f in fillers if reply.lower().startswith(f.lower())), None)
        if opening is None:
            return reply
        rest = reply[len(opening) :].lstrip(" ,.!;:-—")
        reply = rest[:1].upper() + rest[1:]


def _pair_in(text: str, mode: str) -> tuple[str, str] | None:
    first, second = TAGS[mode]
    found = re.search(rf"<{first}>(.*?)(?:</{first}>)?\s*<{second}>(.*?)(?:</{second}>|$)", text, re.DOTALL)
    return (found[1], found[2]) if found else None


def _foreign_tags(memory: Memory) -> list[str]:
    found = sorted(
        {
            match[0]
            for match in re.finditer(r"</?(\w+)>", f"{memory.cue} {memory.reply}")
            if any(match[1] in tags for tags in TAGS.values())
        }
    )
    return [f"{memory.place}: a {memory.mode} sample holds {', '.join(found)}: modes must not mix"] if found else []


def _formatted(memory: Memory) -> tuple[str, str]:
    first, second = TAGS[memory.mode]
    return f"<{first}>{memory.cue}</{first}>", f"<{second}>{memory.reply}</{second}>"


def _wrapped(cue: str, reply: str, wrap: Family, context: Context) -> str:
    # Axolotl ends a raw row with the model's own end of text: one is enough.
    eos = "" if wrap.eos_token == context.counter.eos else wrap.eos_token
    return f"{wrap.user_prefix}{cue}{wrap.assistant_prefix}{reply}{eos}"


def _keep(
    context: Context, curated: list[Memory], formatted: list[tuple[str, str]], wrapped: list[str], made: Made
) -> None:
    folder = f"modes/{context.name}"
    pairs: list[Row] = [
        {"source": m.place, "mode": m.mode, "prompt": cue, "reply": reply}
        for m, (cue, reply) in zip(curated, formatted, strict=True)
    ]
    texts = [{"source": m.place, "mode": m.mode, "text": text} for m, text in zip(curated, wrapped, strict=True)]
    dropped = [asdict(drop) for drop in made.dropped]
    metrics = mode_metrics.measure(made.replies, context.data.modes.fillers)
    summary = {"memories": len(curated), "dropped": dropped, "metrics": metrics}
    made.kept |= {
        f"{folder}/curated.jsonl": [asdict(memory) for memory in curated],
        f"{folder}/formatted.jsonl": pairs,
        f"{folder}/schema_applied.jsonl": texts,
        f"{folder}/final.jsonl": [piece.row for piece in made.pieces],
        f"{folder}/summary.json": json.dumps(summary, ensure_ascii=False, indent=2) + "\n",
    }
