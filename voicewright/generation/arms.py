"""Ask an arm everything: texts, how likely it finds the held-out passages, which replies it prefers, whether tags hold.

Every arm gets the same prompts, seeds and lengths. Killed, it goes on where it was; what has been asked of the same
model with the same settings, for whichever arm or run, is not asked again (force=ARM does).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path

from voicewright.core import progress
from voicewright.core.documents.base import read_documents
from voicewright.core.documents.generation import Generation, Likelihood
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.rows import PromptFormat, TrainingRow, read_prompt_format
from voicewright.generation import generations, likelihood, lm_eval, mode_tags, preference_margins, prompts
from voicewright.generation.prompts import Prompt
from voicewright.recipe import recipes
from voicewright.recipe.schema import Eval, Recipe
from voicewright.serving.adapters import is_arm
from voicewright.serving.client import Client, ClientSettings
from voicewright.serving.endpoint import API_KEY_ENV, Endpoint, discover, served_models
from voicewright.serving.server import ARMS, model_root, url_of


def generate(
    run: Run, arms: Sequence[str], *, url: str | None = None, model: str | None = None, force: Collection[str] = ()
) -> None:
    """Have everything that is asked of these arms on disk; what is there already is not asked again.

    `checkpoints` stands for every checkpoint that the server of adapters offers. `url` is where to ask instead of the
    recipe's endpoints, `model` the model's name there. The arms in `force` are asked anew. Raises UserError where
    nothing answers, another model is served, or there is nothing to ask.
    """
    recipe, form = recipes.load(run.name), read_prompt_format(run.stats_path)
    listed, training = prompts.prompts(run, form, recipe.eval), prompts.prefixes(run, form, recipe.eval)
    if not listed:
        raise UserError(
            f"run {run.name!r} has nothing to ask: no held-out opening is long enough, and eval.prompts is empty",
            hint=f'make generate RUN={run.name} SET="eval.prompts=[narrative]", or a lower eval.opening_words',
        )
    for arm in _expanded(arms, recipe, url):
        if arm == "prompted" and not recipe.eval.prompted_passages:
            # From when the recipe had this arm; it would still count.
            for path in (run.generations_path(arm), run.prefixes_path(arm)):
                path.unlink(missing_ok=True)
            continue
        served_as = "baseline" if arm == "prompted" else arm
        # A URL of the user's own may call its model what it likes; ours must be the arm that was asked for.
        strict = url is None and recipe.serve.engine != "external"
        with (
            generations.only_writer(run, arm),
            Client(client_settings(url or url_of(recipe, arm), recipe.eval)) as client,
        ):
            hint, root = _hint(run, served_as, url), model_root(recipe, served_as) if strict else None
            endpoint = discover(client, served_as, hint=hint, model=model, strict=strict, expected_root=root)
            ask_arm(recipe, arm, form, listed, endpoint, run.generations_path(arm), force=arm in force)
            ask_arm(recipe, arm, form, training, endpoint, run.prefixes_path(arm), force=arm in force)
            if arm != "prompted":
                score_heldout(recipe, arm, form, endpoint)
                preference_margins.measure(recipe, arm, form, endpoint)
                mode_tags.measure(recipe, arm, endpoint)
            if arm != "prompted" and not arm.startswith("checkpoint-"):
                lm_eval.measure(recipe, arm, endpoint)


def _hint(run: Run, arm: str, url: str | None) -> str:
    """What to do where nothing answers."""
    if url is None and (arm in ARMS or is_arm(arm)):
        return f"make serve RUN={run.name} ARM={arm}"
    return "start the endpoint, or name another: URL=http://host:port/v1"


def client_settings(url: str, settings: Eval) -> ClientSettings:
    """How an arm's endpoint is asked."""
    return ClientSettings(
        url.rstrip("/"),
        api_key_env=API_KEY_ENV,
        timeout_s=settings.timeout_s,
        max_retries=settings.max_retries,
        concurrency=settings.concurrency,
    )


def ask_arm(
    recipe: Recipe,
    arm: str,
    form: PromptFormat,
    listed: Sequence[Prompt],
    endpoint: Endpoint,
    path: Path,
    *,
    force: bool = False,
) -> list[Generation]:
    """Have an arm's answers to these prompts on disk at `path`; return them."""
    run, max_words = Run(recipe.run), recipe.eval.max_words
    training = list(read_documents(run.rows_path(form.shape, "train"), TrainingRow)) if arm == "prompted" else None
    requests = generations.by_id(prompts.requests(listed, form, recipe, endpoint, training), endpoint, max_words)
    missing = generations.keep_valid(path, requests, arm, endpoint, force=force)
    began, tokens = time.monotonic(), 0
    with progress.bar(f"{arm}, generations", missing) as advance:

        def count(row: Generation) -> None:
            nonlocal tokens
            tokens += row.completion_tokens or 0
            advance(row)

        generations.ask(path, requests, endpoint, arm, max_words=max_words, progress=count)
    rows = generations.finish(path, requests, arm)
    seconds = max(time.monotonic() - began, 0.001)
    empty = sum(not row.text.strip() and not row.error for row in rows)
    refused = sum(bool(row.error) for row in rows)
    rate = f"{missing} asked in {seconds:.0f} s ({tokens / seconds:.0f} tokens/s)" if missing else "none asked"
    if rows:
        print(f"{arm}: {len(rows)} generations, {rate}, {empty} empty, {refused} refused: {path}")
    return rows


def score_heldout(recipe: Recipe, arm: str, form: PromptFormat, endpoint: Endpoint) -> None:
    """Have the likelihood of all held-out rows on disk, and print it or why it is not available."""
    run = Run(recipe.run)
    rows: list[TrainingRow] = []
    if recipe.eval.likelihood:
        rows = list(read_documents(run.rows_path(form.shape, "heldout"), TrainingRow))
    path = run.likelihood_path(arm)
    context = endpoint.context or recipe.model.context
    with progress.bar(f"{arm}, likelihood of passages", len(rows)) as advance:
        status = likelihood.score(path, rows, form, endpoint, arm, context=context, progress=advance)
    if status.why:
        print(f"{arm}: likelihood of held-out text not available: {status.why}")
    elif rows:
        scored = list(read_documents(path, Likelihood))
        chars, bits = sum(row.chars for row in scored), sum(row.bits for row in scored)
        value = f"{bits / chars:.3f} bits per character" if chars else "nothing to score"
        print(f"{arm}: {value} on {len(scored)} held-out passages: {path}")


def _expanded(arms: Sequence[str], recipe: Recipe, url: str | None) -> list[str]:
    """The arms by name: `checkpoints` is every checkpoint that the server of adapters offers."""
    if "checkpoints" not in arms:
        return list(arms)
    hint = f"make serve RUN={recipe.run} ARM=checkpoints"
    with Client(client_settings(url or url_of(recipe, "checkpoints"), recipe.eval)) as client:
        names = [entry.id for entry in served_models(client, hint)]
        checkpoints = [name for name in names if name.startswith("checkpoint-")]
        if not checkpoints:
            raise UserError(f"{client.settings.url} offers no checkpoint", hint=hint)
    return list(dict.fromkeys(n for arm in arms for n in (checkpoints if arm == "checkpoints" else [arm])))
