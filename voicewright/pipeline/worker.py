"""One stage of a run, in a process of its own: `python -m voicewright.pipeline.worker STAGE RUN [force=ARM] [yes=1]`.

Started by runner.py, which decides what is stale; here is what each stage calls.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence

from voicewright.core import processes
from voicewright.core.errors import UserError, exits_cleanly, notice
from voicewright.core.paths import Run
from voicewright.pipeline.stages import StageOptions
from voicewright.recipe import recipes
from voicewright.recipe.schema import Asking, Recipe


def asks_its_own_model(recipe: Recipe) -> bool:
    """Whether prepare asks the run's own base model, which then has to be served meanwhile."""
    data = recipe.data
    asked: list[Asking] = [data.qa] if any(source.shape == "qa" for source in data.sources.values()) else []
    asked += [data.expand] if data.expand else []
    return recipe.serve.engine == "vllm" and recipe.serve.url("baseline") in [each.url for each in asked]


def prepare(run: Run, _options: StageOptions) -> None:
    from voicewright.data import preparation
    from voicewright.serving.endpoints import while_served

    recipe = recipes.load(run.name)
    with while_served(recipe, "baseline") if asks_its_own_model(recipe) else contextlib.nullcontext():
        preparation.prepare_run(run)


def render(run: Run, _options: StageOptions) -> None:
    from voicewright.training import rendering

    rendering.render(run)


def baseline(run: Run, options: StageOptions) -> None:
    _generate(run, "baseline", ["baseline", "prompted"], options)


def train(run: Run, _options: StageOptions) -> None:
    from voicewright.training import launching, oom_fallback

    if launching.launch(run):
        sys.exit(oom_fallback.RECIPE_CHANGED)


def merge(run: Run, _options: StageOptions) -> None:
    from voicewright.training import merging

    merging.merge(run)


def generate(run: Run, options: StageOptions) -> None:
    _generate(run, "finetuned", ["finetuned"], options)


def voice(run: Run, _options: StageOptions) -> None:
    from voicewright.core.documents.base import write_document
    from voicewright.metrics import voice_report

    report = voice_report.voice_report(run)
    write_document(run.voice_path, report)
    for note in report.notes:
        notice(note)
    for measure in report.measures.values():
        figures = [f"{arm} {voice_report.figure_line(figure)}" for arm, figure in measure.arms.items()]
        print(f"{measure.title} ({measure.unit}): {'; '.join(figures) or 'not available'}")
    for arm, alarms in report.caricature.items():
        print(f"Caricature alarm, {arm}: {' '.join(alarms)}")


def pair(run: Run, _options: StageOptions, versus: Sequence[tuple[str, str]] = ()) -> None:
    from voicewright.judging.pairs import pair_arms

    pairing = pair_arms(run, recipes.load(run.name), versus)
    if pairing.left_out:
        notice(f"{len(pairing.left_out)} pairs left out, first: {pairing.left_out[0].why} (all: {run.pairing_path})")
    print(f"{len(pairing.pairs)} pairs in {run.pairs_path}, key committed as {str(pairing.pairs[0].key_sha256)[:12]}")


def judge(run: Run, options: StageOptions) -> None:
    from voicewright.judging.panel import judge_run

    judge_run(run, recipes.load(run.name), agreed=options.agreed)


def packet(run: Run, _options: StageOptions, n_pairs: int | None = None) -> None:
    from voicewright.judging.packet import write_packet

    written = write_packet(run, recipes.load(run.name).blind, n_pairs)
    print(f"{len(written.pairs)} pairs for readers in {run.packet_path}")


def verdict(run: Run, _options: StageOptions) -> None:
    from voicewright.judging.verdict import summary, verdict_of_run

    print(summary(verdict_of_run(run, recipes.load(run.name).blind.looks)))
    print(run.verdict_path)


def decide(run: Run, _options: StageOptions) -> None:
    from voicewright.decision.decision import decide_run, outcome_line

    decision = decide_run(run, recipes.load(run.name))
    print(decision.sentence)
    for outcome in decision.targets.values():
        print(outcome_line(outcome))
    for advice in decision.advice:
        print(f"{advice.observation}: {advice.action}" + (f"\n  {advice.command}" if advice.command else ""))


def report(run: Run, _options: StageOptions) -> None:
    from voicewright.reporting.report import write_report

    print(write_report(run))


def _generate(run: Run, served_arm: str, arms: Sequence[str], options: StageOptions) -> None:
    from voicewright.generation import arms as generation
    from voicewright.serving.endpoints import while_served

    with while_served(recipes.load(run.name), served_arm):
        generation.generate(run, arms, force=[options.force] if options.force else [])


WORK: dict[str, Callable[[Run, StageOptions], None]] = {
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
    work(Run(run_name), StageOptions.read(words))


if __name__ == "__main__":
    main()
