"""Every checkpoint of a run beside the others: voice, copying, bits per character; and the one to merge.

python -m train.compare RUN       after the baseline, which `make checkpoints` sees to

The rule: out go those that fail the voice report's measure of copying, and those whose voice transfer is below the
highest by more than its own interval says chance can do. Of the rest, the fewest bits per held-out character; where
those are not known the highest transfer, else the lowest evaluation loss; of equals the earlier step.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from voicewright.cli import arguments
from voicewright.core import processes
from voicewright.core.documents.base import read_document
from voicewright.core.documents.intervals import Figure
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import read_json, write_json
from voicewright.pipeline.stages import while_served
from voicewright.training import checkpoints


@dataclass(frozen=True)
class Figures:
    """What is known of one checkpoint; None where it was not measured or cannot be told."""

    step: int
    eval_loss: float | None
    transfer: float | None
    transfer_high: float | None
    """Upper end of its 95% interval."""
    copying: float | None
    """Words of the longest span copied."""
    copies: bool
    """Whether the voice report fails it for copying."""
    bits: float | None


def figures(run: Run, voice: VoiceReport) -> list[Figures]:
    """A line a checkpoint, from the voice report and the trainer's own log."""

    def figure(measure: str, step: int) -> Figure:
        return voice.figure(measure, f"checkpoint-{step}") or Figure(value=None, low=None, high=None)

    return [
        Figures(
            c.step, c.eval_loss, figure("transfer", c.step).value, figure("transfer", c.step).high,
            figure("copying", c.step).value, fails(voice, c.step), figure("bits_per_character", c.step).value,
        )
        for c in checkpoints.whole(run.adapter_dir)
    ]  # fmt: skip


def fails(voice: VoiceReport, step: int) -> bool:
    """Whether a checkpoint's answers copy so much that the voice report fails them."""
    copying = voice.copying.arms.get(f"checkpoint-{step}")
    return copying is not None and "fail" in (copying.training.verdict, copying.heldout.verdict)


def pick(found: list[Figures]) -> tuple[Figures, str]:
    """The checkpoint that the rule chooses, and the reason in words."""
    honest = [f for f in found if not f.copies] or found
    top = max((f.transfer for f in honest if f.transfer is not None), default=None)
    among = ""
    if top is not None:
        honest = [f for f in honest if f.transfer_high is not None and f.transfer_high >= top]
        among = " of those as near to the voice as any"
    if all(f.bits is not None for f in honest):
        return min(honest, key=lambda f: (f.bits or 0, f.step)), f"the fewest bits per held-out character{among}"
    if top is not None:
        return max(honest, key=lambda f: (f.transfer or 0, -f.step)), "the highest voice transfer"
    evaluated = [f for f in honest if f.eval_loss is not None]
    if evaluated:
        return min(evaluated, key=lambda f: (f.eval_loss or 0, f.step)), "the lowest evaluation loss"
    return honest[-1], "the last: nothing was measured"


def best(run: Run) -> str:
    """The step that was chosen. Raises UserError if checkpoints have not been compared."""
    path = run.dir / "checkpoints.json"
    if not path.exists():
        raise UserError(
            "CHECKPOINT=best: the checkpoints have not been compared", hint=f"make checkpoints RUN={run.name}"
        )
    return str(read_json(path)["best"])


def measure(run: Run) -> None:
    """Serve all checkpoints on one base, ask each what every arm is asked, and measure; what is done is not redone."""
    arms = ",".join(f"checkpoint-{c.step}" for c in checkpoints.whole(run.adapter_dir))
    for words in (
        while_served(run, "checkpoints", ["benchmarks.generate", run.name, f"arm={arms}"]),
        [sys.executable, "-m", "benchmarks.voice", run.name],
    ):
        if code := processes.run(words, cwd=REPO_DIR).code:
            sys.exit(code)


def table(found: list[Figures], chosen: Figures) -> Table:
    """What was measured, the chosen one marked."""
    shown = Table("", "step", "evaluation loss", "transfer", "at most", "words copied", "bits/character")
    for f in found:
        values = ((f.eval_loss, 3), (f.transfer, 0), (f.transfer_high, 0), (f.copying, 0), (f.bits, 3))
        cells = ["" if value is None else f"{value:.{digits}f}" for value, digits in values]
        cells[3] += ", fails" if f.copies else ""
        shown.add_row("*" if f == chosen else "", str(f.step), *cells)
    return shown


@exits_cleanly
def main() -> None:
    processes.interruptible()
    name, _ = arguments.parse(__doc__, {})
    run = Run(name)
    if not checkpoints.whole(run.adapter_dir):
        raise UserError(f"run {name!r} has no whole checkpoint", hint=f"make train RUN={name}")
    if not run.generations_path("baseline").exists():
        raise UserError(f"run {name!r} has no baseline to compare with", hint=f"make checkpoints RUN={name}")
    measure(run)
    voice = read_document(run.voice_path, VoiceReport)
    found = figures(run, voice)
    chosen, why = pick(found)
    Console().print(table(found, chosen))
    write_json(run.dir / "checkpoints.json", {"best": chosen.step, "why": why, "checkpoints": [vars(f) for f in found]})
    print(f"step {chosen.step}: {why}; make merge CHECKPOINT=best RUN={name} takes it")


if __name__ == "__main__":
    main()
