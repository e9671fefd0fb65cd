"""Plain rates beside the author's own, and the alarm for a habit that is overdone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from voicewright.core import text as reading
from voicewright.metrics import markers
from voicewright.metrics import rates as plain
from voicewright.metrics.author import FEWEST_USES
from voicewright.metrics.material import HELDOUT, Material, Measure
from voicewright.metrics.samples import BASE
from voicewright.stats import intervals
from voicewright.stylometry.features import Floats
from voicewright.stylometry.passages import Passage
from voicewright.stylometry.style_space import Space

# A habit is overdone where its interval lies above the author's rate by half, and above nine in ten of their passages.
OVERDONE = 1.5
# So many of the author's own terms are listed.
TERMS = 40
# The name that a recipe's reader knows the marker by.
KEYS = {"second_person": "you_per_1000"}


def rate(
    material: Material, title: str, definition: str, unit: str, read: Callable[[Passage], float], better: str = "author"
) -> Measure:
    """A plain rate of a passage, beside the author's own."""
    found, heldout = material.replicates(material.of_passages(read))
    own = np.array([read(passage) for passage in material.author.passages], dtype=float)
    own = own[np.isfinite(own)]
    level = float(own.mean()) if len(own) else None

    def short(values: Floats) -> Floats:
        return values if better == "lower" else np.abs(values - (level or 0.0))

    gains = {
        arm: intervals.percentile_figure(short(found[BASE]) - short(values)).to_json()
        for arm, values in found.items()
        if arm != BASE and BASE in found and level is not None
    }
    reference = {
        "author": level,
        "author_band": np.quantile(own, [0.1, 0.9]).tolist() if len(own) else None,
        HELDOUT: intervals.percentile_figure(heldout).to_json(),
        # How much nearer the author than the base is; of what should be low, how much lower.
        "gain_over_base": gains,
    }
    return Measure(
        title,
        definition,
        unit,
        (0, 1) if unit == "0 to 1" else (0, None),
        better,
        {arm: intervals.percentile_figure(values) for arm, values in found.items()},
        reference,
    )


def rates(material: Material, terms: Sequence[str]) -> dict[str, Measure]:
    """All plain rates: markers, statistics of the text, the author's own terms."""
    measures = {}
    for name, (title, unit, read) in markers.MARKERS.items():
        shown = title[0].upper() + title[1:]
        measures[KEYS.get(name, name)] = rate(material, shown, f"How often a passage has {title}.", unit, read)
    for name, module in plain.rates().items():
        measures[name] = rate(material, module.TITLE, plain.definition(module), module.UNIT, module.read, module.BETTER)
    own = frozenset(terms)

    def coined(passage: Passage) -> float:
        words = reading.words(passage.plain)
        return markers.per_1000(sum(word in own for word in words), len(words))

    measures["own_terms"] = rate(
        material,
        "The author's own terms",
        "Invented words and names: said three times or more in training, and by "
        "neither other authors nor the base model.",
        "per 1,000 words",
        coined,
    )
    return measures


def own_terms(training: Sequence[str], base: Sequence[str], space: Space) -> list[str]:
    """Words of the training text that neither other authors nor the base model use, most frequent first."""
    said = counts_of(base)
    return [
        word
        for word, count in counts_of(training).most_common()
        if count >= FEWEST_USES and word not in said and not space.knows(_stem(word)) and not space.knows(word)
    ]


def terms_used(
    terms: Sequence[str], training: Sequence[str], arms: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """How often the author's texts and each arm's hold the commonest of these terms, possessives with their word."""
    author, said = counts_of(training), {arm: counts_of(texts) for arm, texts in arms.items()}
    both = {term: {term, f"{term}'s"} & set(terms) for term in terms if _stem(term) not in set(terms) - {term}}

    def use(counts: Counter[str], term: str) -> int:
        return sum(counts[form] for form in both[term])

    return [
        {"term": term, "author": use(author, term), "arms": {arm: use(counts, term) for arm, counts in said.items()}}
        for term in sorted(both, key=lambda term: -use(author, term))[:TERMS]
    ]


def counts_of(texts: Sequence[str]) -> Counter[str]:
    """How often texts have each word."""
    return Counter(word for text in texts for word in reading.words(reading.plain(reading.normal(text))))


def _stem(word: str) -> str:
    # it'll, stave's: the word before the apostrophe decides.
    return word.split("'", maxsplit=1)[0]


def overshoot(measures: Mapping[str, Measure]) -> dict[str, Any]:
    """By arm, the habits of which it has more than the author: how many times as much, and whether that is overdone."""
    found: dict[str, Any] = {}
    for name in (*(KEYS.get(marker, marker) for marker in markers.MARKERS), "own_terms"):
        measure = measures[name]
        own, band = measure.reference.get("author"), measure.reference.get("author_band")
        if own is None or band is None:
            continue
        base = measure.arms.get(BASE)
        before = base.value if base is not None and base.value is not None else 0.0
        for arm, figure in measure.arms.items():
            if arm == BASE or figure.value is None or figure.low is None or own < 0.1:
                continue
            found.setdefault(arm, {})[name] = {
                "title": measure.title,
                "unit": measure.unit,
                "author": own,
                "value": figure.value,
                "times_the_author": figure.value / own,
                # What the base model overdoes already is not a voice turned into caricature.
                "overdone": figure.low > max(OVERDONE * own, band[1], before),
            }
    return found


def alarms(measures: Mapping[str, Measure], over: Mapping[str, Any]) -> dict[str, list[str]]:
    """By arm, sentences that say where the voice has become a caricature."""
    found: dict[str, list[str]] = {}
    for arm, figure in measures["transfer"].arms.items():
        if figure.low is not None and figure.low > 100:
            found.setdefault(arm, []).append(
                "Closer to the training text than the author's own unseen text is: "
                "caricature or copying, not more voice."
            )
    for arm, habits in over.items():
        overdone = [row for row in habits.values() if row["overdone"]]
        found.setdefault(arm, []).extend(
            f"{row['title']}: {row['times_the_author']:.1f} times the author's rate." for row in overdone
        )
    return {arm: said for arm, said in found.items() if said}
