"""TRL's SFTTrainer beside Axolotl, like for like: steps a second and the loss on held-out rows.

python -m tests.perf.train_against_trl [steps=60] [pairs=3] [micro=8]

Both get the same rows, seed, batch, padding, optimiser, warm-up and schedule, and evaluate and save at the same
steps; runs alternate. Steps a second come from the trainer's own callbacks, of training steps alone: from one step's
log to the next where nothing was evaluated or saved between. The losses of the adapters that each left are then taken
by one script on the same rows, which neither saw.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.perf.numbers import numbers
from tests.training import engine
from voicewright.core import environments, training_events
from voicewright.core.paths import AXOLOTL_ENV_DIR, REPO_DIR, Run
from voicewright.core.records import write_rows

INSIDE = Path(__file__).parent / "axolotl_env"
# The first steps warm the allocator and the caches.
LEFT_OUT = 5


def pace(adapter_dir: Path) -> float:
    """Steps a second over the training steps between which nothing else was done."""
    events = training_events.read(adapter_dir)
    steps = ((a, b) for a, b in itertools.pairwise(events) if a.loss and b.loss and a.step > LEFT_OUT)
    gaps = [b.time - a.time for a, b in steps]
    return len(gaps) / float(sum(gaps))


def inside(*words: str | Path) -> str:
    """Run a script in the train environment, and return what it printed."""
    env = {**os.environ, **environments.environment_variables("train"), "PYTHONPATH": str(AXOLOTL_ENV_DIR)}
    python = environments.python("train")
    result = subprocess.run([python, *words], cwd=REPO_DIR, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def small(steps: int, micro: int, every: int) -> list[str]:
    """The recipe of both: engine.SMALL with another length, and adapters' own start left to each."""
    sizes = {"max_steps": steps, "save_steps": every, "eval_steps": every, "micro_batch_size": micro}
    kept = [word for word in engine.SMALL if word.partition("=")[0].removeprefix("axolotl.") not in sizes]
    return [*kept, *(f"axolotl.{key}={value}" for key, value in sizes.items())]


def main() -> None:
    options = {"steps": 60, "pairs": 3, "micro": 8} | numbers(sys.argv[1:])
    steps, micro = options["steps"], options["micro"]
    found: dict[str, list[tuple[float, float]]] = {"Axolotl": [], "TRL": []}
    adapters: list[Path] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VOICEWRIGHT_HOME"] = folder
        run = Run("")
        for number in range(options["pairs"]):
            run = engine.begin(f"axolotl-{number}", small(steps, micro, steps // 4), rows=160)
            trl_dir = Path(folder) / f"trl-{number}"
            began = time.perf_counter()
            engine.finish(run)
            middle = time.perf_counter()
            inside(INSIDE / "trl_sft.py", run.axolotl_path, trl_dir)
            ended = time.perf_counter()
            for name, place, seconds in (
                ("Axolotl", run.adapter_dir, middle - began),
                ("TRL", trl_dir, ended - middle),
            ):
                found[name].append((pace(place), seconds))
                adapters.append(place)
        heldout_path = Path(folder) / "heldout.jsonl"
        write_rows(heldout_path, engine.completion_rows(engine.paragraphs(220)[170:]))
        said = inside(INSIDE / "heldout_loss.py", "models/tiny-base", heldout_path, *adapters)
    losses = json.loads(next(line[7:] for line in said.splitlines() if line.startswith("LOSSES ")))
    print(f"{'':10}{'steps/s':>9}{'of each run':>22}{'held-out loss':>15}{'seconds':>9}")
    for at, (name, runs) in enumerate(found.items()):
        paces, walls = [each for each, _ in runs], [each for _, each in runs]
        listed, loss = " ".join(f"{each:.2f}" for each in paces), statistics.median(losses[at::2])
        print(f"{name:10}{statistics.median(paces):>9.2f}{listed:>22}{loss:>15.4f}{statistics.median(walls):>9.1f}")


if __name__ == "__main__":
    main()
