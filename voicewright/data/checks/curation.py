"""The curation report of a manuscript: what its passages are like, and which chapters differ from the others."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median, pstdev

from voicewright.core.documents.stats import CurationReport, OutlierChapter, PassageCuration, SentenceLengths
from voicewright.core.text import WORD, sentence_spans
from voicewright.data.shapes.base import PreparedRow
from voicewright.data.tokenizers import TokenCounter

LONG_PASSAGE_WORDS = (900, 2100)
SECOND_PERSON_PER_1000 = 15
MAX_DISTINCTIVE = 30
_SPEECH = re.compile(r"“[^”]*”?|\"[^\"\n]*\"?|(?<!\w)‘[^’\n]{2,}’(?!\w)")
_ITALIC = re.compile(r"(?<!\*)\*(?!\*|\s)[^*\n]+(?<!\s)\*(?!\*)")
_YOU = re.compile(r"\b(?:you|your|yours|yourself|yourselves)\b", re.IGNORECASE)
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


@dataclass(frozen=True)
class _Passage:
    """What one passage is like."""

    words: int
    kind: str
    """action, dialogue, introspection or exposition."""
    you: float
    """Per 1,000 words of narration."""
    italics: float
    """Spans per 1,000 words."""
    dialogue: float
    """Share of words in quoted speech."""
    sentence_words: list[int]


def report(rows: Sequence[PreparedRow], counter: TokenCounter) -> CurationReport:
    """The report over all passages of prose (rows with `text`)."""
    passages = [_measured(str(row.row.text)) for row in rows]
    n = len(rows) or 1
    words = [passage.words for passage in passages]
    kinds = Counter(passage.kind for passage in passages)
    lengths = [length for passage in passages for length in passage.sentence_words]
    shortest, longest = LONG_PASSAGE_WORDS
    return CurationReport(
        passages=len(rows),
        words=sum(words),
        shortest_words=min(words, default=0),
        longest_words=max(words, default=0),
        share_900_to_2100_words=_share(sum(shortest <= count <= longest for count in words), n),
        share_ending_with_scene=_share(sum(row.ends_at in ("chapter", "scene") for row in rows), n),
        share_ending_with_paragraph=_share(sum(row.ends_at in ("chapter", "scene", "paragraph") for row in rows), n),
        kinds={kind: _share(kinds[kind], n) for kind in ("action", "dialogue", "introspection", "exposition")},
        share_second_person=_share(sum(passage.you >= SECOND_PERSON_PER_1000 for passage in passages), n),
        you_per_1000=_weighted(passages, "you"),
        italics_per_1000=_weighted(passages, "italics"),
        dialogue_share=_weighted(passages, "dialogue"),
        sentence_words=SentenceLengths(
            mean=round(mean(lengths), 1) if lengths else 0,
            sd=round(pstdev(lengths), 1) if lengths else 0,
            median=median(lengths) if lengths else 0,
        ),
        distinctive_words=_distinctive_words(rows, counter),
        outlier_chapters=_outliers(rows, passages),
        by_passage=[
            PassageCuration(id=row.row.id, words=passage.words, kind=passage.kind, you_per_1000=round(passage.you, 1))
            for row, passage in zip(rows, passages, strict=True)
        ],
    )


def _measured(text: str) -> _Passage:
    words = len(text.split()) or 1
    spoken = sum(len(match[0].split()) for match in _SPEECH.finditer(text))
    narration = _SPEECH.sub(" ", text)
    narration_words = len(narration.split()) or 1
    counts = Counter(_KINDS[word] for word in WORD.findall(narration.lower()) if word in _KINDS)
    rates = {kind: 1000 * counts[kind] / narration_words for kind in _LISTS}
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
    return _Passage(
        words=words,
        kind=kind,
        you=1000 * len(_YOU.findall(narration)) / narration_words,
        italics=1000 * len(_ITALIC.findall(text)) / words,
        dialogue=dialogue,
        sentence_words=[len(text[start:end].split()) for start, end in sentence_spans(text)],
    )


def _share(count: int, n: int) -> float:
    return round(count / n, 3)


def _weighted(passages: Sequence[_Passage], feature: str) -> float:
    """The mean of a feature, passages weighted by their words."""
    total = sum(passage.words for passage in passages) or 1
    return round(float(sum(getattr(passage, feature) * passage.words for passage in passages)) / total, 3)


def _distinctive_words(rows: Sequence[PreparedRow], counter: TokenCounter) -> list[str]:
    """Words that this manuscript uses more often than the base model's tokenizer expects.

    A byte-pair vocabulary is in order of frequency: a word of several tokens, or of one late token, is rare in general.
    """
    counts: Counter[str] = Counter()
    sections: dict[str, set[str | None]] = defaultdict(set)
    for row in rows:
        for word in WORD.findall(str(row.row.text)):
            counts[word.lower()] += 1
            sections[word.lower()].add(row.row.section)
    frequent = [w for w, n in counts.items() if n >= 5 and len(w) > 3 and (len(sections[w]) > 1 or n >= 8)]
    size = counter.tokenizer.get_vocab_size()
    encodings = counter.tokenizer.encode_batch([f" {word}" for word in frequent], add_special_tokens=False)
    rarities = [sum(math.log(2 + token) for token in e.ids) / math.log(size) for e in encodings]
    ranked = sorted(zip(frequent, rarities, strict=True), key=lambda each: -counts[each[0]] * (each[1] - 0.8) ** 2)
    return [word for word, rarity in ranked if rarity > 0.9][:MAX_DISTINCTIVE]


def _outliers(rows: Sequence[PreparedRow], passages: Sequence[_Passage]) -> list[OutlierChapter]:
    """Chapters more than 3.5 robust deviations (median absolute deviation) from the others in a feature."""
    chapters: dict[tuple[str, str], list[_Passage]] = defaultdict(list)
    sections: dict[tuple[str, str], str] = {}
    for row, passage in zip(rows, passages, strict=True):
        chapter = (str(row.row.work), row.unit)
        chapters[chapter].append(passage)
        sections.setdefault(chapter, str(row.row.section))
    if len(chapters) < 6:
        return []
    outliers = []
    for feature, title in (("you", "second person"), ("italics", "italics"), ("dialogue", "dialogue")):
        values = {chapter: _weighted(each, feature) for chapter, each in chapters.items()}
        usual = median(values.values())
        spread = 1.4826 * median(abs(value - usual) for value in values.values()) or 0.1 * abs(usual) or 0.01
        outliers += [
            OutlierChapter(work=chapter[0], section=sections[chapter], feature=title, value=value, usual=usual)
            for chapter, value in values.items()
            if abs(value - usual) > 3.5 * spread
        ]
    return outliers
