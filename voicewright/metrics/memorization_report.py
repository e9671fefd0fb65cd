"""What the voice report says of copying: every arm's spans, where they stand, and its texts without them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from voicewright.core import text as reading
from voicewright.core.records import Row
from voicewright.metrics import memorization, samples
from voicewright.metrics.material import Measure
from voicewright.metrics.samples import Passages
from voicewright.stats import intervals

# Words shown on either side of a copied span.
AROUND = 6


def indexed(rows: Passages) -> memorization.Index:
    """What spans are looked for in."""
    return memorization.index(list(zip(rows.sources, rows.texts, strict=True)))


def report(
    index: memorization.Index,
    training: Passages,
    heldout: Passages,
    arms: Mapping[str, Sequence[Row]],
    prefixes: Mapping[str, Sequence[Row]],
) -> dict[str, Any]:
    """What every arm copies from the training rows, of which `index` is, and from the held-out rows.

    The author's own repeats are the yardstick.
    """
    indexes = {"training": index, "heldout": indexed(heldout)}
    found: dict[str, Any] = {
        "definition": (
            "Word-for-word spans of five words or more that an answer shares with the author's text; what its prompt "
            f"said does not count. Flagged over {memorization.FLAGGED} words; failed over {memorization.FAILED}, "
            f"or when more than {memorization.TOLERATED:.0%} of the answers hold a flagged span."
        ),
        "arms": {},
    }
    for arm, rows in arms.items():
        texts, asked = [str(row["text"] or "") for row in rows], [samples.asked(row) for row in rows]
        compared = {split: memorization.compare(index, texts, asked) for split, index in indexes.items()}
        found["arms"][arm] = {split: part.row() for split, part in compared.items()}
        found["arms"][arm]["shown"] = compared["training"].shown([str(row["id"]) for row in rows])
    own = memorization.compare(index, heldout.texts, [""] * len(heldout.texts))
    found["author"] = own.row()
    if prefixes:
        found["training_prefixes"] = by_heart(index, prefixes)
    beside(found, training)
    return found


def by_heart(training: memorization.Index, prefixes: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """What every arm copies when it continues training text: told apart, and in no other figure."""
    found: dict[str, Any] = {
        "definition": (
            "The same spans in answers continued from the author's own training text, where copying is likeliest. The "
            "prompt's own words do not count. These answers stand in no other figure and in no pair; the base model's "
            "rate is the yardstick."
        ),
        "arms": {},
    }
    for arm, rows in prefixes.items():
        compared = memorization.compare(
            training, [str(r["text"] or "") for r in rows], [samples.asked(r) for r in rows]
        )
        figures = {name: value for name, value in compared.row().items() if name != "verdict"}
        found["arms"][arm] = {**figures, "shown": compared.shown([str(row["id"]) for row in rows])}
    return found


def measure(found: Mapping[str, Any]) -> Measure:
    """The longest copied span as a measure of its own."""
    longest = {arm: float(row["training"]["longest_words"]) for arm, row in found["arms"].items()}
    return Measure(
        "Copying",
        str(found["definition"]),
        "words of the longest copied span",
        (0, None),
        "lower",
        {arm: intervals.measured(words, None, None) for arm, words in longest.items()},
        {"author": found["author"]["longest_words"], "failed_over": memorization.FAILED},
    )


def cleaned(index: memorization.Index, rows: Sequence[Row]) -> dict[str, list[str]] | None:
    """An arm's texts by prompt with copied spans cut out; None where nothing was copied."""
    changed, kept = False, []
    for row in rows:
        text = str(row["text"] or "")
        spans = memorization.spans(index, text, samples.asked(row))
        if any(len(span.words) > memorization.FLAGGED for span in spans):
            changed, text = True, memorization.without(text, spans)
        kept.append({**row, "text": text})
    return samples.by_prompt(kept, in_field=True) if changed else None


def quoted(text: str, span: Sequence[str], around: int = AROUND) -> str:
    """The place of a text that has these lower-case words in a row, spelt as there; "" where none has."""
    plain = reading.plain(reading.normal(text))
    places = [match.span() for match in reading.WORD.finditer(plain)]
    words = [plain[start:end].lower() for start, end in places]
    for i in range(len(words) - len(span) + 1):
        if words[i : i + len(span)] == list(span):
            first, last = max(0, i - around), min(len(words), i + len(span) + around)
            shown = " ".join(plain[places[first][0] : places[last - 1][1]].split())
            return ("... " if first else "") + shown + (" ..." if last < len(words) else "")
    return ""


def beside(found: Mapping[str, Any], author: Passages) -> None:
    """Put the author's own words beside every span that is shown."""
    texts: dict[str, list[str]] = defaultdict(list)
    for source, text in zip(author.sources, author.texts, strict=True):
        texts[source].append(text)
    for part in (found, found.get("training_prefixes", {})):
        for row in part.get("arms", {}).values():
            for span in row["shown"]:
                places = (quoted(text, span["text"].split()) for text in texts[span["source"]])
                span["author_text"] = next(filter(None, places), "")
