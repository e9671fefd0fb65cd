"""Votes to win rates: by rater, kind of rater and kind of prompt, with coverage, ties, flips and agreement.

A win rate is the mean over prompts of how often arm `a` was preferred, ties counting half. Raters and pairs are
averaged within a prompt, and the prompt is the unit of every interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from voicewright.core.documents.intervals import Rate
from voicewright.core.documents.judging import (
    TESTED_ARM,
    Choice,
    Comparison,
    DecidingRate,
    JudgeQualification,
    LengthBias,
    Pair,
    QuestionAgreement,
    QuestionResult,
    Rater,
    Strengths,
    Verdict,
)
from voicewright.core.errors import UserError
from voicewright.judging.length_matching import length_bias
from voicewright.judging.pairs import Key
from voicewright.judging.votes import SCORE, Opinion
from voicewright.stats.agreement import agreement, cohen
from voicewright.stats.bradley_terry import bradley_terry
from voicewright.stats.intervals import LEVEL, bootstrapped_rate, clustered_rate, wilson

# Of more raters, kappas of every two fill a page and tell little.
MAX_RATERS_IN_PAIRS = 8
CHOICE_OF: dict[float, Choice] = {score: choice for choice, score in SCORE.items()}


def tally(
    pairs: Sequence[Pair],
    key: Key,
    opinions: Sequence[Opinion],
    qualifications: Mapping[str, JudgeQualification],
    looks: int = 1,
) -> Verdict:
    """The verdict; rates are in 0..1, intervals at the level 1 - 0.05 / looks.

    A judge that `qualifications` disqualifies is shown and does not count. A rater without a qualification counts.
    """
    level = 1 - (1 - LEVEL) / looks
    counting = _Counting({pair.id: pair for pair in pairs}, key, level)
    disqualified = {name for name, qualification in qualifications.items() if not qualification.qualified}
    counted = [opinion for opinion in opinions if opinion.rater not in disqualified]
    questions = sorted({o.question for o in opinions}, key=lambda q: (q != "voice", q != "quality", q))
    versus = sorted(
        {arms_of(key[pair.id].arms) for pair in pairs}, key=lambda ab: (ab[0] != TESTED_ARM, ab[1] != "baseline", ab)
    )
    comparisons = []
    for a, b in versus:
        ids = {pair.id for pair in pairs if arms_of(key[pair.id].arms) == (a, b)}
        results = {
            question: counting.result(
                a, [o for o in opinions if o.pair in ids and o.question == question], disqualified
            )
            for question in questions
        }
        comparisons.append(Comparison(a=a, b=b, pairs=len(ids), questions=results))
    return Verdict(
        win_rate={q: result.deciding for q, result in comparisons[0].questions.items()} if comparisons else {},
        arms=list(versus[0]) if versus else [],
        level=level,
        looks=looks,
        comparisons=comparisons,
        raters={
            rater: counting.rater([o for o in opinions if o.rater == rater], qualifications.get(rater))
            for rater in sorted({o.rater for o in opinions})
        },
        agreement={q: counting.agreement([o for o in counted if o.question == q]) for q in questions},
        strengths=_strengths(counted, key) if len(versus) >= 2 else None,
    )


def arms_of(sides: tuple[str, str]) -> tuple[str, str]:
    """The two arms of a pair in the order in which the verdict names them: the fine-tuned one first."""
    first, second = sorted(sides, key=lambda arm: (arm != TESTED_ARM, arm))
    return first, second


@dataclass(frozen=True)
class _Counting:
    """Counts opinions on these pairs."""

    pairs: Mapping[str, Pair]
    key: Key
    level: float

    def result(self, a: str, opinions: Sequence[Opinion], disqualified: set[str]) -> QuestionResult:
        """The win rates of arm `a` on one question."""
        counted = [o for o in opinions if o.rater not in disqualified]
        independent = any(o.kind != "built-in" and o.score is not None for o in counted)
        deciding = [o for o in counted if o.kind != "built-in" or not independent]
        scored = [o for o in deciding if o.score is not None]
        means = self.means(a, scored)
        bootstrap = bootstrapped_rate(list(means.values()), self.level)
        majority = [mean > 0.5 for mean in means.values() if mean != 0.5]
        return QuestionResult(
            deciding=DecidingRate(
                **self.rate(a, deciding).to_json(),
                independent=independent,
                raters=sorted({o.rater for o in scored}),
                coverage=len(scored) / len(deciding) if deciding else None,
                worst_case_low=self.rate(a, deciding, missing=0.0).low,
                best_case_high=self.rate(a, deciding, missing=1.0).high,
                bootstrap_low=bootstrap.low,
                bootstrap_high=bootstrap.high,
            ),
            readers=self.rate(a, [o for o in counted if o.kind == "reader"]),
            judges=self.rate(a, [o for o in counted if o.kind == "judge"]),
            built_in=self.rate(a, [o for o in counted if o.kind == "built-in"]),
            together=self.rate(a, counted),
            by_rater={
                rater: self.rate(a, [o for o in opinions if o.rater == rater])
                for rater in sorted({o.rater for o in opinions})
            },
            by_domain={
                domain: self.rate(a, [o for o in deciding if self.pairs[o.pair].domain == domain])
                for domain in sorted({self.pairs[o.pair].domain for o in counted})
            },
            majority=wilson(sum(majority), len(majority), self.level),
            ties=_ties(scored),
            length=self.length_bias(a, scored),
            by_prompt=means,
        )

    def score(self, a: str, opinion: Opinion, missing: float | None = None) -> float | None:
        """The opinion's score for arm `a`; `missing` where it is unscored."""
        if opinion.score is None:
            return missing
        return opinion.score if self.key[opinion.pair].x == a else 1 - opinion.score

    def by_prompt(self, values: Iterable[tuple[Opinion, float | None]]) -> dict[str, float]:
        """The mean value of each prompt's opinions; None is left out."""
        by_prompt: dict[str, list[float]] = defaultdict(list)
        for opinion, value in values:
            if value is not None:
                by_prompt[self.pairs[opinion.pair].prompt_id].append(value)
        return {prompt: sum(values) / len(values) for prompt, values in by_prompt.items()}

    def means(self, a: str, opinions: Iterable[Opinion], missing: float | None = None) -> dict[str, float]:
        """The mean score of arm `a` on each prompt; an unscored opinion counts as `missing`, None leaves it out."""
        return self.by_prompt((opinion, self.score(a, opinion, missing)) for opinion in opinions)

    def rate(self, a: str, opinions: Iterable[Opinion], missing: float | None = None) -> Rate:
        """The win rate of `a`: every opinion on a prompt weighs the same, and so does every prompt."""
        return clustered_rate(list(self.means(a, opinions, missing).values()), self.level)

    def length_bias(self, a: str, scored: Sequence[Opinion]) -> LengthBias | None:
        """Whether the longer text wins; None without a scored opinion."""
        if not scored:
            return None
        words = []
        for o in scored:
            pair, is_x = self.pairs[o.pair], self.key[o.pair].x == a
            words.append([len(text.split()) for text in ((pair.x, pair.y) if is_x else (pair.y, pair.x))])
        return length_bias(
            [score for o in scored if (score := self.score(a, o)) is not None],
            [first for first, _ in words],
            [second for _, second in words],
            [self.pairs[o.pair].prompt_id for o in scored],
            self.level,
        )

    def rater(self, opinions: Sequence[Opinion], qualification: JudgeQualification | None) -> Rater:
        """How one rater voted, whatever the arms."""
        scored = [o for o in opinions if o.score is not None]
        flips = self.by_prompt((o, float(o.flipped)) for o in scored if o.flipped is not None)
        firsts = self.by_prompt((o, o.first_rate) for o in opinions)
        return Rater(
            kind=opinions[0].kind,
            counts=qualification is None or qualification.qualified,
            why="not tested on pairs whose answer is known" if qualification is None else qualification.why,
            opinions=len(opinions),
            unscored=len(opinions) - len(scored),
            coverage=len(scored) / len(opinions),
            ties=_ties(scored),
            flip_rate=clustered_rate(list(flips.values()), self.level),
            first_wins=clustered_rate(list(firsts.values()), self.level),
        )

    def agreement(self, opinions: Sequence[Opinion]) -> QuestionAgreement:
        """Chance-corrected agreement: among readers, among machines, among all, and of every two raters."""
        choices: dict[str, dict[str, Choice]] = defaultdict(dict)
        for o in opinions:
            if o.score is not None:
                choices[o.rater][o.pair] = CHOICE_OF[o.score]
        kinds = {o.rater: o.kind for o in opinions}
        units = [pair for pair in self.pairs if any(pair in by_pair for by_pair in choices.values())]
        prompts = [self.pairs[pair].prompt_id for pair in units]
        readers = [rater for rater in choices if kinds[rater] == "reader"]
        groups = {"readers": readers, "judges": [r for r in choices if r not in readers], "all": list(choices)}
        of_pair = {
            f"{r} / {s}": cohen([choices[r].get(i) for i in units], [choices[s].get(i) for i in units], prompts)
            for r, s in combinations(sorted(choices), 2)
            if len(choices) <= MAX_RATERS_IN_PAIRS
        }
        of_group = {
            group: agreement([[choices[r].get(i) for r in raters] for i in units], prompts)
            for group, raters in groups.items()
            if len(raters) >= 2
        }
        return QuestionAgreement.model_validate({**of_group, "cohen": of_pair})


def _ties(scored: Sequence[Opinion]) -> float | None:
    return sum(o.score == 0.5 for o in scored) / len(scored) if scored else None


def _strengths(opinions: Sequence[Opinion], key: Key) -> Strengths | None:
    """Bradley-Terry strengths by the voice question; None without votes on it."""
    meetings = [(*key[o.pair].arms, o.score) for o in opinions if o.score is not None and o.question == "voice"]
    if not meetings:
        return None
    try:
        return Strengths(strengths=bradley_terry(meetings), why=None)
    except UserError as error:
        return Strengths(strengths=None, why=str(error))
