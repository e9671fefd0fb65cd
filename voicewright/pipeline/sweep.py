"""One run for each combination of values, one after the other, and a table at the end.

python -m train.sweep RECIPE model=qwen2_5_0_5b,qwen2_5_3b axolotl.lora_r=8,16 [until=train]

Each is an ordinary run with a name of its own; what is done is not done again, and one that fails does not stop
the others.
"""

from __future__ import annotations

import itertools
import os
import shlex
import sys

from rich.console import Console
from rich.table import Column, Table

from voicewright.core import processes
from voicewright.core.documents.base import read_document
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import read_json
from voicewright.recipe import recipes
from voicewright.training import checkpoints


def combinations(words: list[str]) -> list[list[str]]:
    """The overrides of every run, from words of which some name several values."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    choices = []
    for word in words:
        try:
            parsed = OverridesParser.create().parse_override(word)
        except HydraException as error:
            raise UserError(f"SET: {word!r}: {str(error).splitlines()[0]}") from None
        if parsed.is_sweep_override():
            choices.append([f"{parsed.key_or_group}={value}" for value in parsed.sweep_string_iterator()])
        else:
            choices.append([word])
    return [list(choice) for choice in itertools.product(*choices)]


def table(names: list[str]) -> Table:
    """The runs beside one another, with what is known of each."""
    shown = Table(Column("run", overflow="fold"), "steps", "lowest evaluation loss", "at step", "transfer", "decision")
    for name in names:
        run = Run(name)
        end = checkpoints.end_event(run.adapter_dir)
        lowest = [c for c in checkpoints.whole(run.adapter_dir) if c.eval_loss is not None]
        best = min(lowest, key=lambda c: c.eval_loss or 0.0) if lowest else None
        voice = read_document(run.voice_path, VoiceReport) if run.voice_path.exists() else None
        figure = voice.figure("transfer", "finetuned") if voice else None
        transfer = figure.value if figure else None
        decision = read_json(run.decision_path)["decision"] if run.decision_path.exists() else ""
        shown.add_row(
            name, str(end.step) if end else "", f"{best.eval_loss:.4f}" if best else "", str(best.step) if best else "",
            f"{transfer:.1f}" if transfer is not None else "", decision,
        )  # fmt: skip
    return shown


@exits_cleanly
def main() -> None:
    if len(sys.argv) < 2 or {"-h", "--help"} & set(sys.argv):
        print((__doc__ or "").strip())
        sys.exit(0)
    name, *words = sys.argv[1:]
    target = next((w.partition("=")[2] for w in words if w.startswith("until=")), "report")
    source = [f"source={os.environ['SOURCE']}"] if os.environ.get("SOURCE") else []
    runs = [[*source, *each] for each in combinations([w for w in words if not w.startswith("until=")])]
    # All are composed before the first is started: a mistake in the last is found now, not in the morning.
    for overrides in runs:
        recipes.compose(name, overrides)
    processes.interruptible()
    failed = []
    for overrides in runs:
        os.environ |= {"SET": shlex.join(overrides), "RUN": "", "SOURCE": ""}
        if processes.run([sys.executable, "-m", "voicewright.pipeline.runner", target, name], cwd=REPO_DIR).code:
            failed.append(recipes.run_name(name, sorted(overrides)))
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table([recipes.run_name(name, sorted(overrides)) for overrides in runs]))
    if failed:
        raise UserError([f"run {run} failed; its log is in {Run(run).logs_dir}" for run in failed])


if __name__ == "__main__":
    main()
