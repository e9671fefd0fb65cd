"""Forgetting and leakage: what answers outside the author's field show, compared with the base model.

No answer is graded by a model. An ability counts as retained when the answers agree with the base model's answers as
much as these agree with one another, less a margin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from voicewright.core import text as reading
from voicewright.core.documents.generation import LmEvalResult, TaskScores
from voicewright.core.documents.intervals import Figure
from voicewright.core.documents.voice_report import (
    AbilityFigure,
    AbilityOutcome,
    Forgetting,
    Leakage,
    TaskComparison,
    TaskFigure,
)
from voicewright.metrics import samples, transfer
from voicewright.metrics.material import Material, TextsByPrompt
from voicewright.metrics.samples import BASE
from voicewright.stats import intervals
from voicewright.stylometry import passages
from voicewright.stylometry.features import Floats

# Agreement with the base model may fall by a fifth of its agreement with itself before the model counts as worse.
MARGIN_PERCENT = 20.0
# A score on tasks with a right answer may fall by five points of a hundred.
TASK_MARGIN_POINTS = 5.0
FUNCTION_WORDS = reading.listed(
    "the a an and or but of to in on at by for with from as is are was were be been it its this that these those i you "
    "he she they we my your his her their our not no do does did have has had will would can could should if so than "
    "then there here what which who when where how why all any some one"
)


def forgetting_report(material: Material) -> Forgetting:
    """Abilities of the base model that every arm retains, and how far the voice leaks into other answers."""
    texts = {arm: samples.texts_by_prompt(rows, in_field=False) for arm, rows in material.generations.items()}
    domains = {
        row.prompt_id: row.domain for rows in material.generations.values() for row in rows if row.is_out_of_domain
    }
    return Forgetting(
        margin_percent=MARGIN_PERCENT,
        arms=retained_abilities(texts, domains, material.resamples, material.seed),
        leakage=leakage(material, texts, sorted(domains)),
        tasks=compare_tasks(material.tasks),
    )


def retained_abilities(
    arms: Mapping[str, TextsByPrompt], domains: Mapping[str, str], resamples: int, seed: int
) -> dict[str, dict[str, AbilityFigure]]:
    """By arm, then `all` and each kind of prompt: agreement with the base model. `domains`: prompt id -> kind."""
    if BASE not in arms or not domains:
        return {}
    figures: dict[str, dict[str, AbilityFigure]] = {}
    for arm, texts in arms.items():
        if arm == BASE:
            continue
        shared = sorted(set(texts) & set(arms[BASE]) & set(domains))
        kinds = sorted({domains[prompt] for prompt in shared})
        by_kind = {kind: [prompt for prompt in shared if domains[prompt] == kind] for kind in kinds}
        figures[arm] = {
            kind: retained_share(agreement_with_base(arms[BASE], texts, prompts), resamples, seed)
            for kind, prompts in {"all": shared, **by_kind}.items()
        }
    return figures


def agreement_with_base(base: TextsByPrompt, arm: TextsByPrompt, prompts: Sequence[str]) -> Floats:
    """For each prompt: mean similarity of the arm's answers to the base's, and of the base's answers to one another.

    (prompts, 2); NaN in the second column where the base answered once.
    """
    rows = []
    for prompt in prompts:
        base_texts, arm_texts = list(base[prompt]), list(arm[prompt])
        # Samples of the same number share their seed, which makes an unchanged model repeat the base's answer.
        across = [
            content_similarity(text, other)
            for i, text in enumerate(arm_texts)
            for j, other in enumerate(base_texts)
            if i != j or len(base_texts) == 1
        ]
        within = [content_similarity(a, b) for i, a in enumerate(base_texts) for b in base_texts[i + 1 :]]
        rows.append((np.mean(across) if across else np.nan, np.mean(within) if within else np.nan))
    return np.array(rows, dtype=float).reshape(-1, 2)


def content_similarity(a: str, b: str) -> float:
    """Dice coefficient of the content words and numbers of two answers, 0 to 1; two empty answers agree."""
    first, second = _content_tokens(a), _content_tokens(b)
    if not first and not second:
        return 1.0
    return 2 * len(first & second) / (len(first) + len(second)) if first and second else 0.0


def _content_tokens(text: str) -> set[str]:
    tokens = reading.TOKEN.findall(reading.plain(reading.normal(text)).lower())
    return {token for token in tokens if token[0].isalnum() and token not in FUNCTION_WORDS}


def retained_share(agreement: Floats, resamples: int, seed: int) -> AbilityFigure:
    """Agreement with the base in percent of the base's agreement with itself; `agreement`: (prompts, 2)."""
    agreement = agreement[np.isfinite(agreement).all(axis=1)]
    n_prompts = len(agreement)
    if n_prompts < 2:
        why = "it takes two prompts or more, with two samples each, to know how much the base model's answers vary"
        return AbilityFigure(**vars(intervals.unavailable(why)), outcome="not available", prompts=n_prompts)
    weights = intervals.resampling_weights(n_prompts, resamples, seed, corrected=True)
    base_level = weights @ agreement[:, 1]
    shares = 100.0 * (weights @ agreement[:, 0]) / np.where(base_level > 0, base_level, np.nan)
    figure = intervals.percentile_figure(shares)
    return AbilityFigure(**vars(figure), outcome=_outcome(figure, 100.0 - MARGIN_PERCENT), prompts=n_prompts)


def compare_tasks(results: Mapping[str, LmEvalResult]) -> TaskComparison:
    """By arm and task of lm-evaluation-harness: its score less the base's on the same questions, in points."""
    if BASE not in results:
        return TaskComparison()
    base = results[BASE].tasks
    return TaskComparison(
        margin_points=TASK_MARGIN_POINTS,
        arms={
            arm: {task: _compare_task(base[task], scores) for task, scores in result.tasks.items() if task in base}
            for arm, result in results.items()
            if arm != BASE
        },
    )


def _compare_task(base: TaskScores, arm: TaskScores) -> TaskFigure:
    questions = sorted(set(base.values) & set(arm.values))
    if len(questions) < 2 or base.metric != arm.metric:
        why = arm.why or "fewer than two questions were put to both"
        return TaskFigure(**vars(intervals.unavailable(why)), outcome="not available", questions=len(questions))
    base_scores, arm_scores = (
        100.0 * np.array([task.values[question] for question in questions]) for task in (base, arm)
    )
    figure = intervals.paired_difference(arm_scores - base_scores)
    return TaskFigure(
        **vars(figure),
        outcome=_outcome(figure, -TASK_MARGIN_POINTS),
        questions=len(questions),
        metric=arm.metric,
        base=float(base_scores.mean()),
        arm=float(arm_scores.mean()),
    )


def _outcome(figure: Figure, bound: float) -> AbilityOutcome:
    """Not worse where the whole interval lies above the bound, worse where it lies below."""
    if figure.low is None or figure.high is None:
        return "not available"
    return "not worse" if figure.low > bound else "worse" if figure.high < bound else "inconclusive"


def leakage(material: Material, arms: Mapping[str, TextsByPrompt], prompts: Sequence[str]) -> dict[str, Leakage]:
    """By arm, how far answers outside the author's field moved towards the author, on the scale of voice transfer."""
    distances, heldout = transfer.distances(material)
    lacking = material.lack_of_text or "other_authors" in material.unmet_needs
    if lacking or BASE not in distances or not arms.get(BASE):
        return {}
    # These answers have a length of their own: base and arm are compared with each other, on the gap in the field.
    gap, size, profile = float(distances[BASE][0] - heldout[0]), material.author.size, material.author.profile
    means: dict[str, float] = {}
    for arm, texts in arms.items():
        joined = "\n\n".join("\n\n".join(texts.get(prompt, [])) for prompt in prompts)
        blocks = passages.cut(joined, size)
        if blocks:
            counts = profile.space.vocabulary.table([passage.plain for passage in blocks])
            means[arm] = float(profile.distances(counts, size).mean())
    if BASE not in means or gap <= 0:
        return {}
    return {
        arm: Leakage(percent_of_the_way=100.0 * (means[BASE] - mean) / gap)
        for arm, mean in means.items()
        if arm != BASE
    }
