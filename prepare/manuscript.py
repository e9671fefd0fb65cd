"""The shape `completion`: a manuscript's own passages, raw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prepare import chunks, plain, split
from prepare.document import Document, Section, scenes, sections
from prepare.sources import File
from prepare.tokens import Counter
from voicewright.errors import UserError
from voicewright.records import Row, content_id
from voicewright.schema import Data

# From this many works on, one whole work is held out; with two, half the material would be lost to training.
WORKS_HELD_OUT_WHOLE = 3


@dataclass(frozen=True)
class Made:
    """Rows by split, and how they came about."""

    splits: dict[split.Split, list[Row]]
    low: int
    high: int
    unit: str
    """What was split whole: works, chapters, scenes or passages."""
    out_of_bounds: list[Row]


def read(files: list[File]) -> tuple[list[Document], list[str]]:
    """The cleaned documents, and a sentence for each file that could not be read."""
    documents, problems = [], []
    for file in files:
        try:
            text = plain.to_markdown(file.path.read_bytes().decode("utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{file.label}: cannot be read ({error})")
            continue
        if text:
            documents.append(Document(file.label, file.source, text))
        else:
            problems.append(f"{file.label}: no text in it")
    return documents, problems


def rows(documents: list[Document], data: Data, counter: Counter, sequence_len: int) -> Made:
    """Passages of all documents, split by whole works or chapters.

    Raises UserError when the material is too little to hold anything out.
    """
    high = min(data.max_tokens, sequence_len - counter.specials)
    low = min(data.min_tokens, high)
    works = _works(documents)
    placed: list[tuple[str, str, Row, chunks.Chunk]] = []  # work, chapter, row, chunk
    for document in documents:
        parts = sections(document.text)
        for number, (part, passages) in enumerate(
            zip(parts, chunks.chunk(document.text, parts, counter.count, low, high), strict=True)
        ):
            chapter = f"{document.label}#{number}"
            for passage in passages:
                row = _row(document, works[document.label], part, passage)
                placed.append((row["work"], chapter, row, passage))
    units, unit = _units(documents, placed)
    words: dict[str, int] = {}
    for key, (_, _, row, _) in zip(units, placed, strict=True):
        words[key] = words.get(key, 0) + len(row["text"].split())
    if len(words) < 3:
        raise UserError(
            f"the sources hold {len(placed)} passage(s): too little to train on, evaluate and hold out",
            mend="give more material, or lower data.max_tokens",
        )
    splits = _splits(units, placed, words, unit, data)
    found: dict[split.Split, list[Row]] = {name: [] for name in split.SPLITS}
    for key, (_, _, row, _) in zip(splits, placed, strict=True):
        found[key].append(row)
    odd = [
        {"id": row["id"], "source": row["source"], "tokens": row["tokens"], "reason": passage.reason}
        for _, _, row, passage in placed
        if passage.reason
    ]
    return Made(found, low, high, unit, odd)


def _row(document: Document, work: str, part: Section, passage: chunks.Chunk) -> Row:
    text = document.text[passage.start : passage.end]
    return {
        "id": content_id(text),
        "source": f"{document.label}:{passage.start}-{passage.end}",
        "work": work,
        "section": part.title,
        "tokens": passage.tokens,
        "text": text,
    }


def _works(documents: list[Document]) -> dict[str, str]:
    """Which work each document belongs to: files of a chapter or so each are one work, named by their source."""
    works: dict[str, str] = {}
    for source in {d.source for d in documents}:
        mine = [d for d in documents if d.source == source]
        chapters = sorted(len(sections(d.text)) for d in mine)
        parts_of_one = len(mine) > 1 and chapters[len(chapters) // 2] <= 1
        for d in mine:
            stem = d.label.rsplit("/", 1)[-1].rsplit(".", 1)[0]
            works[d.label] = source if parts_of_one else stem
    return works


def _units(documents: list[Document], placed: list[tuple[str, str, Row, chunks.Chunk]]) -> tuple[list[str], str]:
    """What each passage stands or falls with when the splits are drawn: its chapter, if there are enough of them."""
    chapters = [chapter for _, chapter, _, _ in placed]
    if len(set(chapters)) >= 3:
        return chapters, "chapters"
    by_label = {d.label: d for d in documents}
    found = []
    for _, chapter, row, passage in placed:
        text = by_label[row["source"].rpartition(":")[0]].text
        scene = next(i for i, (_, end) in enumerate(scenes(text, (0, len(text)))) if passage.start < end)
        found.append(f"{chapter}/{scene}")
    if len(set(found)) >= 3:
        return found, "scenes"
    return [f"{row['source']}" for _, _, row, _ in placed], "passages"


def _splits(
    units: list[str],
    placed: list[tuple[str, str, Row, chunks.Chunk]],
    words: dict[str, int],
    unit: str,
    data: Data,
) -> list[split.Split]:
    by_work: dict[str, int] = {}
    for work, _, row, _ in placed:
        by_work[work] = by_work.get(work, 0) + len(row["text"].split())
    if unit != "chapters" or len(by_work) < WORKS_HELD_OUT_WHOLE:
        drawn = split.assign(words, data.val_share, data.heldout_share, data.seed)
        return [drawn[key] for key in units]
    heldout = split.draw(by_work, data.heldout_share, data.seed)
    rest = {key: words[key] for key, (work, _, _, _) in zip(units, placed, strict=True) if work not in heldout}
    val = split.draw(rest, data.val_share, data.seed + 1)
    return [
        "heldout" if work in heldout else "val" if key in val else "train"
        for key, (work, _, _, _) in zip(units, placed, strict=True)
    ]


def stats(made: Made, counter: Counter) -> dict[str, Any]:
    """What `data/stats.json` says of a manuscript."""
    return {
        "format": {"shape": "completion", "prompt": "raw", "system": None, "special_tokens": counter.specials},
        "splits": {name: summary(found) for name, found in made.splits.items()},
        "dropped": [],
        "checks": {
            "bounds": {"min_tokens": made.low, "max_tokens": made.high, "exceptions": made.out_of_bounds},
            "split_by": made.unit,
        },
    }


def summary(found: list[Row]) -> dict[str, int]:
    """Rows, words and tokens of one split."""
    return {
        "rows": len(found),
        "words": sum(len(row["text"].split()) for row in found),
        "tokens": sum(row["tokens"] for row in found),
        "chapters": len({(row["work"], row["section"]) for row in found}),
        "works": len({row["work"] for row in found}),
    }


