"""One stage of a run, in a process of its own: `python -m voicewright.pipeline.worker STAGE RUN [force=ARM] [yes=1]`.

Started by runner.py, which decides what is stale; here is what each stage calls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from voicewright.core import processes
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.recipe import recipes
from voicewright.recipe.schema import Asking, Recipe

Words = Sequence[str]


def _main_of(module: str, *words: str) -> None:
    """Run a module's main with these words."""
    import importlib

    sys.argv = [module, *words]
    importlib.import_module(module).main()


def asks_its_own_model(recipe: Recipe) -> bool:
    """Whether prepare asks the run's own base model, which then has to be served meanwhile."""
    data = recipe.data
    asked: list[Asking] = [data.qa] if any(source.shape == "qa" for source in data.sources.values()) else []
    asked += [data.expand] if data.expand else []
    return recipe.serve.engine == "vllm" and recipe.serve.url("baseline") in [each.url for each in asked]


def prepare(run: Run, _words: Words) -> None:
    from voicewright.serving.during import served

    recipe = recipes.load(run.name)
    with served(recipe, "baseline" if asks_its_own_model(recipe) else None):
        _main_of("voicewright.data.build", run.name)


def render(run: Run, _words: Words) -> None:
    from voicewright.training import rendering

    rendering.render(run)


def baseline(run: Run, words: Words) -> None:
    _generate(run, "baseline", "baseline,prompted", words)


def train(run: Run, _words: Words) -> None:
    from voicewright.training import launching, oom_fallback

    if launching.launch(run):
        sys.exit(oom_fallback.RECIPE_CHANGED)


def merge(run: Run, _words: Words) -> None:
    from voicewright.training import merging

    merging.merge(run)


def generate(run: Run, words: Words) -> None:
    _generate(run, "finetuned", "finetuned", words)


def _generate(run: Run, served_arm: str, arms: str, words: Words) -> None:
    from voicewright.serving.during import served

    with served(recipes.load(run.name), served_arm):
        _main_of("voicewright.generation.arms", run.name, f"arm={arms}", *words)


def voice(run: Run, _words: Words) -> None:
    _main_of("voicewright.metrics.voice_report", run.name)


def pair(run: Run, _words: Words) -> None:
    _main_of("voicewright.judging.pairs", run.name)


def judge(run: Run, words: Words) -> None:
    _main_of("voicewright.judging.panel", run.name, *words)


def packet(run: Run, _words: Words) -> None:
    _main_of("voicewright.judging.packet", run.name)


def verdict(run: Run, _words: Words) -> None:
    _main_of("voicewright.judging.verdict", run.name)


def decide(run: Run, _words: Words) -> None:
    _main_of("voicewright.decision.decision", run.name)


def report(run: Run, _words: Words) -> None:
    _main_of("voicewright.reporting.report", run.name)


WORK: dict[str, Callable[[Run, Words], None]] = {
    work.__name__: work
    for work in (
        prepare, render, baseline, train, merge, generate, voice, pair, judge, packet, verdict, decide, report,
    )
}  # fmt: skip


@exits_cleanly
def main() -> None:
    processes.interruptible()
    try:
        name, run_name, *words = sys.argv[1:]
        work = WORK[name]
    except (ValueError, KeyError):
        raise UserError(f"expected STAGE RUN [force=ARM]; stages: {', '.join(WORK)}") from None
    work(Run(run_name), words)


if __name__ == "__main__":
    main()
