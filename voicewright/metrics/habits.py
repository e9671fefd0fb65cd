"""The author's own terms, and the alarm for a habit that is overdone."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence

from voicewright.core import text as reading
from voicewright.core.documents.voice_report import Measure, Overshoot, TermUse
from voicewright.metrics.author import MIN_USES
from voicewright.metrics.markers import MARKERS, PER_1000_WORDS, per_1000
from voicewright.metrics.material import Material, rate_beside_author
from voicewright.metrics.registry import MeasureValues, measure
from voicewright.metrics.samples import BASE
from voicewright.stylometry.passages import Passage

# A habit is overdone where its interval lies above the author's rate by half, and above nine in ten of their passages.
OVERDONE_RATIO = 1.5
# A habit that the author shows more rarely has no ratio worth telling.
MIN_AUTHOR_RATE = 0.1
MAX_TERMS = 40
HABITS = (*MARKERS, "own_terms")


@measure(
    name="own_terms",
    title="The author's own terms",
    unit=PER_1000_WORDS,
    better="author",
    needs=("other_authors",),
    per="report",
)
def own_terms(material: Material) -> MeasureValues:
    """Invented words and names: used three times or more in the training text, and neither by other authors nor by the
    base model.
    """
    terms = frozenset(terms_of_author(material))

    def rate(passage: Passage) -> float:
        words = reading.words(passage.plain)
        return per_1000(sum(word in terms for word in words), len(words))

    return rate_beside_author(material, rate, "author")


@functools.lru_cache(maxsize=1)
def terms_of_author(material: Material) -> list[str]:
    """Words of the training text that neither other authors nor the base model use, most frequent first."""
    base_words, space = word_counts(material.all_texts().get(BASE, [])), material.author.profile.space
    return [
        word
        for word, count in word_counts(material.training.texts).most_common()
        if count >= MIN_USES and word not in base_words and not space.knows(_stem(word)) and not space.knows(word)
    ]


def term_uses(terms: Sequence[str], training: Sequence[str], arms: Mapping[str, Sequence[str]]) -> list[TermUse]:
    """How often the author's and each arm's texts use the commonest terms; possessives count with their word."""
    author_counts, arm_counts = word_counts(training), {arm: word_counts(texts) for arm, texts in arms.items()}
    forms = {term: {term, f"{term}'s"} & set(terms) for term in terms if _stem(term) not in set(terms) - {term}}

    def uses(counts: Counter[str], term: str) -> int:
        return sum(counts[form] for form in forms[term])

    return [
        TermUse(
            term=term,
            author=uses(author_counts, term),
            arms={arm: uses(counts, term) for arm, counts in arm_counts.items()},
        )
        for term in sorted(forms, key=lambda term: -uses(author_counts, term))[:MAX_TERMS]
    ]


def word_counts(texts: Sequence[str]) -> Counter[str]:
    """How often texts have each word."""
    return Counter(word for text in texts for word in reading.words(reading.plain(reading.normal(text))))


def _stem(word: str) -> str:
    # it'll, stave's: the word before the apostrophe decides.
    return word.split("'", maxsplit=1)[0]


def overshoots(measures: Mapping[str, Measure]) -> dict[str, dict[str, Overshoot]]:
    """By arm and habit, how its rate compares with the author's, and whether the habit is overdone."""
    by_arm: dict[str, dict[str, Overshoot]] = {}
    for name in HABITS:
        measure = measures[name]
        author, band = measure.reference.author, measure.reference.author_band
        if author is None or band is None or author < MIN_AUTHOR_RATE:
            continue
        base = measure.arms.get(BASE)
        base_rate = base.value if base is not None and base.value is not None else 0.0
        for arm, figure in measure.arms.items():
            if arm == BASE or figure.value is None or figure.low is None:
                continue
            by_arm.setdefault(arm, {})[name] = Overshoot(
                title=measure.title,
                unit=measure.unit,
                author=author,
                value=figure.value,
                times_the_author=figure.value / author,
                # What the base model overdoes already is not a voice turned into caricature.
                overdone=figure.low > max(OVERDONE_RATIO * author, band[1], base_rate),
            )
    return by_arm


def caricature_alarms(
    measures: Mapping[str, Measure], overshoot: Mapping[str, Mapping[str, Overshoot]]
) -> dict[str, list[str]]:
    """By arm, sentences that say where the voice has become a caricature; an arm without alarms is absent."""
    alarms: dict[str, list[str]] = {}
    for arm, figure in measures["transfer"].arms.items():
        if figure.low is not None and figure.low > 100:
            alarms.setdefault(arm, []).append(
                "Closer to the training text than the author's own held-out text is: caricature or copying, not more "
                "of the voice."
            )
    for arm, habits in overshoot.items():
        for habit in habits.values():
            if habit.overdone:
                alarms.setdefault(arm, []).append(
                    f"{habit.title}: {habit.times_the_author:.1f} times the author's rate."
                )
    return alarms
