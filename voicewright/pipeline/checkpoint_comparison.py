"""Every checkpoint of a run compared: voice, copying, bits per character; and the one to merge.

The rule: checkpoints that the voice report fails for copying are left out, and those whose voice transfer is below the
highest by more than its 95% interval. Of the rest, the fewest bits per held-out character; where those are not known
the highest transfer, else the lowest evaluation loss; of equals the earlier step.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from voicewright.core.documents.base import read_document, write_document
from voicewright.core.documents.intervals import Figure
from voicewright.core.documents.training import CheckpointComparison, CheckpointScores
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.generation import arms
from voicewright.pipeline import worker
from voicewright.pipeline.stages import StageOptions
from voicewright.recipe import recipes
from voicewright.serving.endpoints import while_served
from voicewright.training import checkpoints


def compare_checkpoints(run: Run) -> CheckpointComparison:
    """Generate with each checkpoint, measure, print the table, and write which one to merge to checkpoints.json.

    Raises UserError where there is no whole checkpoint, or no baseline to compare with.
    """
    if not checkpoints.whole(run.adapter_dir):
        raise UserError(f"run {run.name!r} has no whole checkpoint", hint=f"make train RUN={run.name}")
    if not run.generations_path("baseline").exists():
        raise UserError(f"run {run.name!r} has no baseline to compare with", hint=f"make checkpoints RUN={run.name}")
    measure(run)
    scores = checkpoint_scores(run, read_document(run.voice_path, VoiceReport))
    best, why = choose_best(scores)
    Console().print(table(scores, best))
    comparison = CheckpointComparison(best=best.step, why=why, checkpoints=scores)
    write_document(run.checkpoints_path, comparison)
    print(f"step {best.step}: {why}; make merge CHECKPOINT=best RUN={run.name} takes it")
    return comparison


def measure(run: Run) -> None:
    """Serve all checkpoints as adapters of one base, generate with each, and measure; finished texts are kept."""
    names = [f"checkpoint-{checkpoint.step}" for checkpoint in checkpoints.whole(run.adapter_dir)]
    with while_served(recipes.load(run.name), "checkpoints"):
        arms.generate(run, names)
    worker.voice(run, StageOptions())


def checkpoint_scores(run: Run, voice: VoiceReport) -> list[CheckpointScores]:
    """What the voice report and the trainer's log say of each checkpoint, by step."""

    def figure(measure: str, step: int) -> Figure:
        return voice.figure(measure, f"checkpoint-{step}") or Figure(value=None, low=None, high=None)

    return [
        CheckpointScores(
            step=checkpoint.step,
            eval_loss=checkpoint.eval_loss,
            transfer=figure("transfer", checkpoint.step).value,
            transfer_high=figure("transfer", checkpoint.step).high,
            copying=figure("copying", checkpoint.step).value,
            copies=fails_for_copying(voice, checkpoint.step),
            bits=figure("bits_per_character", checkpoint.step).value,
        )
        for checkpoint in checkpoints.whole(run.adapter_dir)
    ]


def fails_for_copying(voice: VoiceReport, step: int) -> bool:
    """Whether a checkpoint's answers copy so much that the voice report fails them."""
    copying = voice.copying.arms.get(f"checkpoint-{step}")
    return copying is not None and "fail" in (copying.training.verdict, copying.heldout.verdict)


def choose_best(scores: Sequence[CheckpointScores]) -> tuple[CheckpointScores, str]:
    """The checkpoint that the rule chooses, and the reason in words."""
    candidates = [score for score in scores if not score.copies] or list(scores)
    highest = max((score.transfer for score in candidates if score.transfer is not None), default=None)
    among = ""
    if highest is not None:
        candidates = [c for c in candidates if c.transfer_high is not None and c.transfer_high >= highest]
        among = " of those as near to the voice as any"
    if all(score.bits is not None for score in candidates):
        best = min(candidates, key=lambda score: (score.bits or 0, score.step))
        return best, f"the fewest bits per held-out character{among}"
    if highest is not None:
        return max(candidates, key=lambda score: (score.transfer or 0, -score.step)), "the highest voice transfer"
    evaluated = [score for score in candidates if score.eval_loss is not None]
    if evaluated:
        return min(evaluated, key=lambda score: (score.eval_loss or 0, score.step)), "the lowest evaluation loss"
    return candidates[-1], "the last: nothing was measured"


def table(scores: Sequence[CheckpointScores], best: CheckpointScores) -> Table:
    """What was measured, the chosen checkpoint marked."""
    columns = Table("", "step", "evaluation loss", "transfer", "at most", "words copied", "bits/character")
    for score in scores:
        figures = (
            (score.eval_loss, 3), (score.transfer, 0), (score.transfer_high, 0), (score.copying, 0), (score.bits, 3),
        )  # fmt: skip
        cells = ["" if value is None else f"{value:.{digits}f}" for value, digits in figures]
        cells[3] += ", fails" if score.copies else ""
        columns.add_row("*" if score is best else "", str(score.step), *cells)
    return columns
