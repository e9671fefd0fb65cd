"""What the votes say: win rates by rater, domain and kind, their coverage, ties and flips.

A rate is the share of prompts on which arm `a` was preferred, ties counting half. Raters and pairs are averaged
within a prompt, and the prompt is the unit of every interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from voicewright.core.documents.intervals import Rate
from voicewright.core.errors import UserError
from voicewright.core.records import Row
from voicewright.judging.length_bias import diagnose
from voicewright.judging.votes import Opinion
from voicewright.stats.agreement import agreement, cohen
from voicewright.stats.bradley_terry import bradley_terry
from voicewright.stats.intervals import LEVEL, bootstrapped_rate, clustered_rate, wilson

Key = Mapping[str, tuple[str, str]]
Court = Mapping[str, Mapping[str, Any]]
# The arm under test comes first in every comparison it takes part in.
TESTED = "finetuned"


def tally(pairs: Sequence[Row], key: Key, opinions: Sequence[Opinion], court: Court, looks: int = 1) -> dict[str, Any]:
    """The whole verdict as a JSON document; rates in 0..1, intervals at `level`.

    `court` says by name which judges may vote (missing: not tried, counted with a note).
    """
    level = 1 - (1 - LEVEL) / looks
    by_id = {pair["id"]: pair for pair in pairs}
    barred = {name for name, trial in court.items() if not trial["qualified"]}
    counted = [o for o in opinions if o.rater not in barred]
    questions = sorted({o.question for o in opinions}, key=lambda q: (q != "voice", q != "quality", q))
    versus = sorted({arms(key[i]) for i in by_id}, key=lambda ab: (ab[0] != TESTED, ab[1] != "baseline", ab))
    comparisons: list[dict[str, Any]] = []
    for a, b in versus:
        ids = {i for i in by_id if arms(key[i]) == (a, b)}
        sections = {
            q: _compare(a, [o for o in opinions if o.pair in ids and o.question == q], barred, by_id, key, level)
            for q in questions
        }
        comparisons.append({"a": a, "b": b, "pairs": len(ids), "questions": sections})
    first = comparisons[0]["questions"] if comparisons else {}
    return {
        "win_rate": {q: first[q]["deciding"] for q in questions} if comparisons else {},
        "arms": list(versus[0]) if versus else [],
        "level": level,
        "looks": looks,
        "comparisons": comparisons,
        "raters": {
            rater: _rater([o for o in opinions if o.rater == rater], by_id, level, court.get(rater))
            for rater in sorted({o.rater for o in opinions})
        },
        "agreement": {q: _agreement([o for o in counted if o.question == q], by_id) for q in questions},
        "strengths": _strengths(counted, key, len(versus)),
    }


def arms(sides: tuple[str, str]) -> tuple[str, str]:
    """The two arms of a pair in the order in which the verdict speaks of them."""
    first, second = sorted(sides, key=lambda arm: (arm != TESTED, arm))
    return first, second


def score_of(a: str, opinion: Opinion, key: Key) -> float:
    """The opinion's score for arm `a`. The opinion must be scored."""
    assert opinion.score is not None
    return opinion.score if key[opinion.pair][0] == a else 1 - opinion.score


def _rate(
    a: str,
    opinions: Iterable[Opinion],
    pairs: Mapping[str, Row],
    key: Key,
    level: float,
    missing: float | None = None,
) -> Rate:
    """The clustered win rate of `a`; every opinion on a prompt weighs the same, and so does every prompt.

    `missing` is what an unscored opinion counts as; None leaves it out.
    """
    by_prompt: dict[str, list[float]] = defaultdict(list)
    for o in opinions:
        score = missing if o.score is None else score_of(a, o, key)
        if score is not None:
            by_prompt[pairs[o.pair]["prompt_id"]].append(score)
    return clustered_rate([sum(scores) / len(scores) for scores in by_prompt.values()], level)


def _compare(
    a: str, everything: list[Opinion], barred: set[str], pairs: Mapping[str, Row], key: Key, level: float
) -> dict[str, Any]:
    opinions = [o for o in everything if o.rater not in barred]

    def rate(keep: Callable[[Opinion], bool], missing: float | None = None) -> Rate:
        return _rate(a, [o for o in opinions if keep(o)], pairs, key, level, missing)

    independent = any(o.kind != "built-in" and o.score is not None for o in opinions)
    deciding = [o for o in opinions if o.kind != "built-in" or not independent]
    scored = [o for o in deciding if o.score is not None]
    kept = set(deciding)
    worst, best = rate(lambda o: o in kept, 0.0), rate(lambda o: o in kept, 1.0)
    means = _prompt_means(a, scored, pairs, key)
    bootstrap = bootstrapped_rate(list(means.values()), level)
    majority = [mean > 0.5 for mean in means.values() if mean != 0.5]
    domains = sorted({pairs[o.pair]["domain"] for o in opinions})
    return {
        "deciding": {
            **_rate(a, deciding, pairs, key, level).to_json(),
            "independent": independent,
            "raters": sorted({o.rater for o in scored}),
            "coverage": len(scored) / len(deciding) if deciding else None,
            "worst_case_low": worst.low,
            "best_case_high": best.high,
            "bootstrap_low": bootstrap.low,
            "bootstrap_high": bootstrap.high,
        },
        "readers": rate(lambda o: o.kind == "reader").to_json(),
        "judges": rate(lambda o: o.kind == "judge").to_json(),
        "built_in": rate(lambda o: o.kind == "built-in").to_json(),
        "together": rate(lambda _: True).to_json(),
        "by_rater": {
            r: _rate(a, [o for o in everything if o.rater == r], pairs, key, level).to_json()
            for r in sorted({o.rater for o in everything})
        },
        "by_domain": {
            d: _rate(a, [o for o in deciding if pairs[o.pair]["domain"] == d], pairs, key, level).to_json()
            for d in domains
        },
        "majority": wilson(sum(majority), len(majority), level).to_json(),
        "ties": sum(o.score == 0.5 for o in scored) / len(scored) if scored else None,
        "length": _lengths(a, scored, pairs, key, level),
        "by_prompt": means,
    }


def _prompt_means(a: str, scored: list[Opinion], pairs: Mapping[str, Row], key: Key) -> dict[str, float]:
    by_prompt: dict[str, list[float]] = defaultdict(list)
    for o in scored:
        by_prompt[pairs[o.pair]["prompt_id"]].append(score_of(a, o, key))
    return {prompt: sum(scores) / len(scores) for prompt, scores in by_prompt.items()}


def _lengths(a: str, scored: list[Opinion], pairs: Mapping[str, Row], key: Key, level: float) -> dict[str, Any] | None:
    if not scored:
        return None
    sides = [("x", "y") if key[o.pair][0] == a else ("y", "x") for o in scored]
    words = [tuple(len(pairs[o.pair][side].split()) for side in both) for o, both in zip(scored, sides, strict=True)]
    return diagnose(
        [score_of(a, o, key) for o in scored],
        [w[0] for w in words],
        [w[1] for w in words],
        [pairs[o.pair]["prompt_id"] for o in scored],
        level,
    )


def _rater(
    opinions: list[Opinion], pairs: Mapping[str, Row], level: float, trial: Mapping[str, Any] | None
) -> dict[str, Any]:
    """How one rater voted, whatever the arms: ties, flips, position, coverage, and what the court said."""
    scored = [o for o in opinions if o.score is not None]
    twice = [o for o in scored if o.flipped is not None]
    firsts: dict[str, list[float]] = defaultdict(list)
    for o in opinions:
        if o.first_rate is not None:
            firsts[pairs[o.pair]["prompt_id"]].append(o.first_rate)
    return {
        "kind": opinions[0].kind,
        "counts": trial is None or bool(trial["qualified"]),
        "why": "not tried by the court" if trial is None else trial["why"],
        "opinions": len(opinions),
        "unscored": len(opinions) - len(scored),
        "coverage": len(scored) / len(opinions),
        "ties": sum(o.score == 0.5 for o in scored) / len(scored) if scored else None,
        "flip_rate": _share_by_prompt(twice, pairs, level),
        "first_wins": clustered_rate([sum(f) / len(f) for f in firsts.values()], level).to_json(),
    }


def _share_by_prompt(twice: list[Opinion], pairs: Mapping[str, Row], level: float) -> dict[str, Any]:
    by_prompt: dict[str, list[float]] = defaultdict(list)
    for o in twice:
        by_prompt[pairs[o.pair]["prompt_id"]].append(float(bool(o.flipped)))
    return clustered_rate([sum(f) / len(f) for f in by_prompt.values()], level).to_json()


def _agreement(opinions: list[Opinion], pairs: Mapping[str, Row]) -> dict[str, Any]:
    """Chance-corrected agreement: among readers, among machines, among all, and of every two raters."""
    names = {1.0: "x", 0.5: "tie", 0.0: "y"}
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    kinds = {o.rater: "readers" if o.kind == "reader" else "judges" for o in opinions}
    for o in opinions:
        if o.score is not None:
            answers[o.rater][o.pair] = names[o.score]
    units = [i for i in pairs if any(i in given for given in answers.values())]
    prompts = [pairs[i]["prompt_id"] for i in units]
    groups = {
        "readers": [r for r in answers if kinds[r] == "readers"],
        "judges": [r for r in answers if kinds[r] == "judges"],
        "all": list(answers),
    }
    document: dict[str, Any] = {
        group: agreement([[answers[r].get(i) for r in raters] for i in units], prompts).to_json()
        for group, raters in groups.items()
        if len(raters) >= 2
    }
    document["cohen"] = (
        {
            f"{r} / {s}": cohen(
                [answers[r].get(i) for i in units], [answers[s].get(i) for i in units], prompts
            ).to_json()
            for r, s in combinations(sorted(answers), 2)
        }
        if len(answers) <= 8
        else {}
    )
    return document


def _strengths(opinions: list[Opinion], key: Key, n_versus: int) -> dict[str, Any] | None:
    """Bradley-Terry strengths by the voice question, where more than two arms met; None otherwise."""
    if n_versus < 2:
        return None
    meetings = [(*key[o.pair], o.score) for o in opinions if o.score is not None and o.question == "voice"]
    if not meetings:
        return None
    try:
        return {"strengths": bradley_terry(meetings), "why": None}
    except UserError as error:
        return {"strengths": None, "why": str(error)}
