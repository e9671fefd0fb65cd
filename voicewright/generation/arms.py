"""Ask an arm everything: texts, how likely it finds the held-out passages, which replies it prefers, whether tags hold.

    python -m benchmarks.generate visions arm=baseline,prompted
    python -m benchmarks.generate visions arm=checkpoints
    python -m benchmarks.generate visions arm=baseline url=http://127.0.0.1:8000/v1
    python -m benchmarks.generate visions arm=theirs url=https://host/v1 model=their-name

Every arm gets the same prompts, seeds and lengths. Killed, it goes on where it was; what has been asked of the same
model with the same settings, for whichever arm or run, is not asked again (force=ARM does).
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from voicewright.cli import arguments
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.core.records import Row, read_rows
from voicewright.generation import generations, likelihood, lm_eval, mode_tags, preference_margins, progress, prompts
from voicewright.generation.prompts import Format, Prompt
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.serving import endpoint
from voicewright.serving.endpoint import Endpoint

OPTIONS: dict[str, str | None] = {"arm": "baseline", "url": None, "model": None, "force": None}


@exits_cleanly
def main() -> None:
    target, options = arguments.parse(__doc__, OPTIONS)
    settings = recipes.load(target)
    run = Run(settings.run)
    arms = [arm for arm in str(options["arm"]).split(",") if arm]
    forced = str(options["force"] or "").split(",")
    form = prompts.read_format(run)
    listed, prefixes = prompts.prompts(run, form, settings.eval), prompts.prefixes(run, form, settings.eval)
    if not listed:
        raise UserError(
            f"run {run.name!r} has nothing to ask: no held-out opening is long enough, and eval.prompts is empty",
            hint="eval.prompts: [narrative], or a lower eval.opening_words",
        )
    for arm in expanded(arms, options["url"] or settings.serve.url("checkpoints")):
        if arm == "prompted" and not settings.eval.prompted_passages:
            # Left from when the recipe had this arm, it would still count.
            for path in (run.generations_path(arm), run.prefixes_path(arm)):
                path.unlink(missing_ok=True)
            continue
        url = options["url"] or settings.serve.url(arm)
        name = "baseline" if arm == "prompted" else arm
        # A URL of the user's own may call its model what it likes; ours must be the arm that was asked for.
        strict = options["url"] is None and settings.serve.engine != "external"
        found = endpoint.discover(url, name, model=options["model"], strict=strict)
        with generations.only_writer(run, arm):
            generate(settings, arm, form, listed, found, run.generations_path(arm), force=arm in forced)
            generate(settings, arm, form, prefixes, found, run.prefixes_path(arm), force=arm in forced)
            if arm != "prompted":
                weigh(settings, arm, form, found)
                preference_margins.weigh(settings, arm, form, found)
                mode_tags.measure(settings, arm, found)
            if arm != "prompted" and not arm.startswith("checkpoint-"):
                lm_eval.measure(settings, arm, found)


def expanded(arms: list[str], url: str) -> list[str]:
    """The arms by name: `checkpoints` is every checkpoint that the server of adapters offers."""
    if "checkpoints" not in arms:
        return arms
    steps = [name for name in endpoint.names(url) if name.startswith("checkpoint-")]
    if not steps:
        raise UserError(f"{url} offers no checkpoint", hint="python -m serve.up RUN arm=checkpoints")
    return list(dict.fromkeys(n for arm in arms for n in (steps if arm == "checkpoints" else [arm])))


def generate(
    settings: Recipe, arm: str, form: Format, listed: list[Prompt], found: Endpoint, path: Path, *, force: bool = False
) -> list[Row]:
    """Have an arm's answers to these prompts on disk at `path`; return them."""
    run, limits = Run(settings.run), settings.eval
    training = list(read_rows(run.rows_path(form.shape, "train"))) if arm == "prompted" else None
    asks = prompts.asks(listed, form, settings, found, training)
    wanted = {generations.identity(ask, found, limits.max_words): ask for ask in asks}
    missing = generations.begin(path, wanted, arm, found, force=force)
    began, tokens = time.monotonic(), 0
    step = progress.line(arm, len(missing), "generations")

    def told(row: Row) -> None:
        nonlocal tokens
        tokens += row["completion_tokens"] or 0
        step(row)

    asyncio.run(
        generations.ask_all(
            path,
            wanted,
            missing,
            found,
            arm,
            max_words=limits.max_words,
            concurrency=limits.concurrency,
            patience=prompts.patience(settings.eval),
            progress=told,
        )
    )
    rows = generations.finish(path, wanted, arm)
    seconds = max(time.monotonic() - began, 0.001)
    empty = sum(not row["text"].strip() and not row["error"] for row in rows)
    failed = sum(bool(row["error"]) for row in rows)
    asked = f"{len(missing)} asked in {seconds:.0f} s ({tokens / seconds:.0f} tokens/s)" if missing else "none asked"
    if rows:
        print(f"{arm}: {len(rows)} generations, {asked}, {empty} empty, {failed} refused: {path}")
    return rows


def weigh(settings: Recipe, arm: str, form: Format, found: Endpoint) -> None:
    """Have the likelihood of all held-out rows on disk, or a word on why it is not available."""
    run = Run(settings.run)
    rows = list(read_rows(run.rows_path(form.shape, "heldout"))) if settings.eval.likelihood else []
    path = run.likelihood_path(arm)
    why = likelihood.score(
        path,
        rows,
        form,
        found,
        arm,
        context=found.context or settings.model.context,
        concurrency=settings.eval.concurrency,
        patience=prompts.patience(settings.eval),
        progress=progress.line(f"{arm}, likelihood", len(rows), "passages"),
    )
    if why:
        print(f"{arm}: likelihood of held-out text not available: {why}")
        return
    scored = list(read_rows(path))
    chars = sum(row["chars"] for row in scored)
    if not rows:
        return
    value = f"{sum(row['bits'] for row in scored) / chars:.3f} bits per character" if chars else "nothing to score"
    print(f"{arm}: {value} on {len(scored)} held-out passages: {path}")


if __name__ == "__main__":
    main()
