"""The curation report of a manuscript: what its passages are like, and which chapters are unlike the rest."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import mean, median, pstdev
from typing import Any

from voicewright.data.document import sentences
from voicewright.data.pieces import Piece
from voicewright.data.tokenizers import Counter as Tokens

GOOD_WORDS = (900, 2100)
_SPEECH = re.compile(r"“[^”]*”?|\"[^\"\n]*\"?|(?<!\w)‘[^’\n]{2,}’(?!\w)")
_ITALIC = re.compile(r"(?<!\*)\*(?!\*|\s)[^*\n]+(?<!\s)\*(?!\*)")
_YOU = re.compile(r"\b(?:you|your|yours|yourself|yourselves)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LISTS = {
    "action": "run ran turned turns throw threw throws fall fell falls jump jumped climb climbed climbs "
    "grab grabbed hit hits pull pulled pulls push pushed strike struck break broke breaks rush rushed leap leapt "
    "drop dropped drops swing swung catch caught catches step stepped steps reach reached reaches slam slammed fight "
    "fought shoot shot dodge lunge kick kicked haul hauled drag dragged shove shoved spin spun walk walked walks",
    "introspection": "think thought thinks feel felt feels remember remembered wonder wondered wonders "
    "know knew knows believe believed wish wished hope hoped fear feared dream dreamed dreams mind memory doubt "
    "imagine imagined perhaps maybe regret realise realised realize realized understand understood forget forgot",
}
_KINDS = {word: kind for kind, words in _LISTS.items() for word in words.split()}


def report(pieces: Sequence[Piece], counter: Tokens) -> dict[str, Any]:
    """The report over all passages of prose (rows with `text`)."""
    looks = [_look(str(piece.row["text"])) for piece in pieces]
    n = len(pieces) or 1
    words = [look["words"] for look in looks]
    kinds = Counter(str(look["kind"]) for look in looks)
    lengths = [length for look in looks for length in look["lengths"]]
    return {
        "passages": len(pieces),
        "words": sum(words),
        "shortest_words": min(words, default=0),
        "longest_words": max(words, default=0),
        "share_900_to_2100_words": _share(sum(GOOD_WORDS[0] <= w <= GOOD_WORDS[1] for w in words), n),
        "share_ending_with_scene": _share(sum(piece.ends_at in ("chapter", "scene") for piece in pieces), n),
        "share_ending_with_paragraph": _share(
            sum(piece.ends_at in ("chapter", "scene", "paragraph") for piece in pieces), n
        ),
        "kinds": {kind: _share(kinds[kind], n) for kind in ("action", "dialogue", "introspection", "exposition")},
        "share_second_person": _share(sum(look["you"] >= 15 for look in looks), n),
        "you_per_1000": _weighted(looks, "you"),
        "italics_per_1000": _weighted(looks, "italics"),
        "dialogue_share": _weighted(looks, "dialogue"),
        "sentence_words": {
            "mean": round(mean(lengths), 1) if lengths else 0,
            "sd": round(pstdev(lengths), 1) if lengths else 0,
            "median": median(lengths) if lengths else 0,
        },
        "distinctive_words": _distinctive(pieces, counter),
        "outlier_chapters": _outliers(pieces, looks),
        "by_passage": [
            {"id": piece.row["id"], "words": look["words"], "kind": look["kind"], "you_per_1000": round(look["you"], 1)}
            for piece, look in zip(pieces, looks, strict=True)
        ],
    }


def _look(text: str) -> dict[str, Any]:
    words = len(text.split()) or 1
    spoken = sum(len(match[0].split()) for match in _SPEECH.finditer(text))
    narration = _SPEECH.sub(" ", text)
    told = len(narration.split()) or 1
    counts = Counter(_KINDS[w] for w in _WORD.findall(narration.lower()) if w in _KINDS)
    rates = {kind: 1000 * counts[kind] / told for kind in _LISTS}
    dialogue = spoken / words
    # Thresholds set by eye on the sample manuscript and on novels; a rough sorting, not a measure.
    if dialogue > 0.4:
        kind = "dialogue"
    elif rates["action"] >= max(14, rates["introspection"]):
        kind = "action"
    elif rates["introspection"] >= 12:
        kind = "introspection"
    else:
        kind = "exposition"
    return {
        "words": words,
        "kind": kind,
        "you": 1000 * len(_YOU.findall(narration)) / told,
        "italics": 1000 * len(_ITALIC.findall(text)) / words,
        "dialogue": dialogue,
        "lengths": [len(text[a:b].split()) for a, b in sentences(text, (0, len(text)))],
    }


def _share(count: int, n: int) -> float:
    return round(count / n, 3)


def _weighted(looks: Sequence[dict[str, Any]], key: str) -> float:
    total = sum(look["words"] for look in looks) or 1
    return round(float(sum(look[key] * look["words"] for look in looks)) / total, 3)


def _distinctive(pieces: Sequence[Piece], counter: Tokens, most: int = 30) -> list[str]:
    """Words this manuscript loves more than the base model's tokenizer expects.

    A byte-pair vocabulary is in order of frequency: a word of several tokens, or of one late token, is rare in general.
    """
    counts: Counter[str] = Counter()
    spread: dict[str, set[str]] = defaultdict(set)
    for piece in pieces:
        for word in _WORD.findall(str(piece.row["text"])):
            counts[word.lower()] += 1
            spread[word.lower()].add(piece.row["section"])
    often = [w for w, n in counts.items() if n >= 5 and len(w) > 3 and (len(spread[w]) > 1 or n >= 8)]
    size = counter.tokenizer.get_vocab_size()
    encodings = counter.tokenizer.encode_batch([f" {word}" for word in often], add_special_tokens=False)
    rarity = [sum(math.log(2 + token) for token in e.ids) / math.log(size) for e in encodings]
    ranked = sorted(zip(often, rarity, strict=True), key=lambda each: -counts[each[0]] * (each[1] - 0.8) ** 2)
    return [word for word, rare in ranked if rare > 0.9][:most]


def _outliers(pieces: Sequence[Piece], looks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Chapters more than 3.5 robust deviations (median absolute deviation) from the others in a feature."""
    chapters: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for piece, look in zip(pieces, looks, strict=True):
        chapters[(piece.row["work"], piece.unit)].append(look | {"section": piece.row["section"]})
    if len(chapters) < 6:
        return []
    found = []
    for feature, title in (("you", "second person"), ("italics", "italics"), ("dialogue", "dialogue")):
        values = {key: _weighted(each, feature) for key, each in chapters.items()}
        middle = median(values.values())
        spread = 1.4826 * median(abs(v - middle) for v in values.values()) or 0.1 * abs(middle) or 0.01
        for (work, unit), value in values.items():
            if spread and abs(value - middle) > 3.5 * spread:
                section = chapters[(work, unit)][0]["section"]
                found.append({"work": work, "section": section, "feature": title, "value": value, "usual": middle})
    return found
