"""Whether a model of cognitive modes answers each mode's prompt in that mode's tags.

Each held-out sample is cut before its answer and sent to the arm a few times. An answer holds if it opens with the
mode's tag, closes it, and has no tag of another mode before that. The stage `generate` measures it with the rest and
writes tags/<arm>.json in the run's folder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from voicewright.core.documents.base import Document, read_document, read_documents, write_document
from voicewright.core.documents.generation import ModeAnswers, ModeTags
from voicewright.core.documents.intervals import Rate
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import content_id
from voicewright.core.rows import MODE_TAGS, TrainingRow
from voicewright.generation.prompts import sample_seed, sampling_fields
from voicewright.recipe.schema import Recipe
from voicewright.serving.client import Failure, Outcome, Request
from voicewright.serving.endpoint import Endpoint
from voicewright.stats import intervals

SAMPLES = 4
ANY_TAG = re.compile(rf"</?({'|'.join(tag for pair in MODE_TAGS.values() for tag in pair)})>")


class SampledAnswer(Document):
    """One answer to one sample, kept until all are there."""

    id: str
    text: str


def tags_hold(answer: str, mode: str) -> bool:
    """Whether an answer opens with the mode's tag, closes it, and has no other mode's tag before that."""
    tag = MODE_TAGS[mode][1]
    match = re.match(rf"\s*<{tag}>(.*?)</{tag}>", answer, re.DOTALL)
    return match is not None and bool(match[1].strip()) and not ANY_TAG.search(match[1])


def rates(answers: Sequence[ModeAnswers]) -> dict[str, Rate]:
    """By mode and for all: the share of answers whose tags hold, with its interval over prompts."""
    shares = [sum(tags_hold(text, each.mode) for text in each.answers) / len(each.answers) for each in answers]
    by_mode: dict[str, Rate] = {}
    for mode in (*MODE_TAGS, "all"):
        of_mode = [share for share, each in zip(shares, answers, strict=True) if mode in (each.mode, "all")]
        by_mode[mode] = intervals.clustered_rate(of_mode)
    return by_mode


def measure(recipe: Recipe, arm: str, endpoint: Endpoint) -> ModeTags | None:
    """Have tags/<arm>.json on disk, where the run's data has modes; a model that has answered is not asked again.

    Returns None where the data has no modes. Raises UserError where the endpoint stops answering.
    """
    run = Run(recipe.run)
    heldout_path = run.rows_path("completion", "heldout")
    heldout = read_documents(heldout_path, TrainingRow) if heldout_path.exists() else ()
    rows = [row for row in heldout if row.is_mode_sample]
    if not rows:
        return None
    path = run.tags_path(arm)
    settings = [recipe.eval.max_words, recipe.eval.tokens_per_word, recipe.eval.seed, SAMPLES]
    identity = content_id(
        [endpoint.model_hash, settings, sampling_fields(recipe.model.sampling), [row.id for row in rows]]
    )
    tags = read_document(path, ModeTags) if path.exists() else None
    if tags is None or tags.identity != identity:
        answers = _answers(rows, recipe, arm, endpoint, identity)
        tags = ModeTags(arm=arm, identity=identity, held=rates(answers), answers=answers)
        write_document(path, tags)
        run.tags_answers_path(arm).unlink()
    for mode, rate in tags.held.items():
        if rate.value is not None:
            print(
                f"{arm}, {mode}: the tags hold in {rate.value:.0%} ({rate.low:.0%} to {rate.high:.0%}) of the answers "
                f"to {rate.n_prompts} prompts"
            )
    return tags


def _answers(
    rows: Sequence[TrainingRow], recipe: Recipe, arm: str, endpoint: Endpoint, identity: str
) -> list[ModeAnswers]:
    """The answers to every sample, those from before a kill included."""
    max_tokens = math.ceil(recipe.eval.max_words * recipe.eval.tokens_per_word)
    sampling = sampling_fields(recipe.model.sampling)
    requests = [
        Request(
            endpoint.model,
            max_tokens,
            prompt=row.mode_prompt,
            seed=sample_seed(recipe.eval.seed, row.id, sample),
            sampling=sampling,
            id=f"{identity}-{row.id}-{sample}",
        )
        for row in rows
        for sample in range(SAMPLES)
    ]

    def answer(request: Request, outcome: Outcome) -> SampledAnswer:
        if isinstance(outcome, Failure):
            raise UserError(
                f"{arm}: {endpoint.url} stopped answering in the modes' tags ({outcome.reason})",
                hint="once the server is up again, the same command goes on from there",
            )
        return SampledAnswer(id=request.id, text=outcome.text)

    answered = endpoint.client.ask_all(
        requests,
        append_to=Run(recipe.run).tags_answers_path(arm),
        model=SampledAnswer,
        key=lambda each: each.id,
        row=answer,
    )
    texts = {each.id: each.text for each in answered}
    return [
        ModeAnswers(
            id=row.id,
            mode=str(row.mode),
            answers=[texts[f"{identity}-{row.id}-{sample}"] for sample in range(SAMPLES)],
        )
        for row in rows
    ]
