"""A voice report made by hand, small and with something of everything, for tests of pages and decisions."""

from __future__ import annotations

from typing import Any

from voicewright.core.documents.base import parse
from voicewright.core.documents.voice_report import VoiceReport

ARMS = ("baseline", "prompted", "finetuned")


def row(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "status": "ok", "why": None}


def missing(why: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "status": "not available", "why": why}


def spread(value: float) -> dict[str, Any]:
    return row(value, value - 5, value + 5)


def measure(title: str, unit: str, values: tuple[float, ...], **reference: Any) -> dict[str, Any]:
    return {
        "title": title,
        "definition": f"What {title.lower()} means.",
        "unit": unit,
        "range": [0, None],
        "better": "author",
        "arms": {arm: spread(value) for arm, value in zip(ARMS, values, strict=True)},
        "reference": reference,
    }


def voice_report(text: str = "the smell of it", terms: int = 3) -> VoiceReport:
    """A whole voice report; `text` stands wherever a model's or an author's words do."""
    return parse(VoiceReport, _voice(text, terms), "voice.json")


def _voice(text: str, terms: int) -> dict[str, Any]:
    share = "percent of the author's own held-out text"
    gained = {"prompted": spread(1), "finetuned": spread(20)}
    habit = {"author": 8.0, "author_band": [4.0, 12.0], "heldout": spread(7), "gain_over_base": gained}
    counted = {
        "longest_words": 12,
        "coverage_percent": 3.0,
        "generations_flagged_percent": 50.0,
        "generations": 8,
        "spans_over_10": 4,
        "spans_over_20": 0,
    }
    flagged = {**counted, "verdict": "flag"}
    span = {"text": text, "words": 12, "source": "a.md:0-9", "generation": "g1", "author_text": f"... {text} ..."}
    copied = {arm: {"training": flagged, "heldout": flagged, "shown": []} for arm in ARMS}
    use = {"count": 2, "per_10_000_words": 1.5}
    used = {"author": use, "arms": dict.fromkeys(ARMS, use)}
    kept = {**spread(90), "outcome": "inconclusive", "prompts": 5}
    return {
        "arms": list(ARMS),
        "measures": {
            "transfer": measure("Voice transfer", "percent of the way", (0, 10, 80), other_authors=-10.0,
                                nearest_other_author={"name": "Ford", "value": -1.0}),
            "vocabulary": measure("Vocabulary", share, (40, 42, 90), gain_over_base=gained),
            "topic": measure("Topic", share, (30, 30, 90), gain_over_base=gained),
            "bits_per_character": {**measure("Bits per character", "bits per character", (2, 2, 1)),
                                   "arms": {"prompted": missing("no held-out passage was scored"),
                                            "finetuned": row(1.61, 1.57, 1.65)}},
            "dashes": measure("Dashes", "per 1,000 words", (1, 5, 20), **habit),
            "slop": measure("Machine phrases", "per 1,000 words", (1, 0, 0), **habit),
            "own_terms": measure("The author's own terms", "per 1,000 words", (0, 0, 9), **habit),
            "empty": measure("Empty answers", "percent of answers", (0, 0, 0)),
            "copying": measure("Copying", "words of the longest copied span", (5, 5, 12), author=6, failed_over=20),
        },
        "calibration": {
            "distance": {arm: spread(0.9) for arm in (*ARMS, "heldout")},
            "other_authors": {"Ford": 0.95, "the base model": 0.96, "Ward": 0.97},
            "block_words": 450,
            "training_words": 19251,
            "prompts_per_cluster": 2,
            "clusters": 25,
            "heldout_blocks": 6,
            "views": {"syntax": {"title": "Syntax", "definition": "How sentences are built.",
                                 "arms": {arm: spread(71) for arm in ARMS}}},
            "by_domain": {"heldout": {arm: spread(63) for arm in ARMS}},
        },
        "overshoot": {"finetuned": {"dashes": {"title": "Dashes", "unit": "per 1,000 words", "author": 8.0,
                                               "value": 20.0, "times_the_author": 2.5, "overdone": True}}},
        "caricature": {"finetuned": ["Dashes: 2.5 times the author's rate."]},
        "copying": {
            "definition": "Spans of five words or more.",
            "arms": copied,
            "author": flagged,
            "training_prefixes": {"definition": "The same in continuations.",
                                  "arms": {"finetuned": {**counted, "shown": [span]}}},
            "transfer_without_copies": {"finetuned": spread(44)},
        },
        "forgetting": {
            "margin_percent": 20.0,
            "arms": {"finetuned": {"all": kept, "code": kept}},
            "leakage": {"finetuned": {"percent_of_the_way": 88.8}},
            "tasks": {"margin_points": 5.0, "arms": {"finetuned": {"everyday_facts": {
                **row(-2.0, -3.5, -0.5), "outcome": "not worse", "questions": 1200, "base": 71.0, "arm": 69.0,
            }}}},
        },
        "own_terms": [{"term": f"{text}{n}", "author": 9, "arms": {"finetuned": n}} for n in range(terms)],
        "slop": {"all": used, "phrases": [{"phrase": "rich tapestry", **used}]},
        "notes": ["Nothing was held out of one book."],
    }  # fmt: skip
