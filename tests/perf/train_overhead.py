"""What the launcher costs over Axolotl by hand on the same YAML: alternating pairs, seconds and steps a second.

python -m tests.perf.train_overhead [pairs=5]
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from tests.perf.numbers import numbers
from tests.training import engine
from voicewright.core import environments
from voicewright.core.paths import AXOLOTL_ENV_DIR, REPO_DIR, Run
from voicewright.recipe import recipes
from voicewright.training import checkpoints, launching


def pace(run: Run) -> float:
    """Steps a second as the trainer itself reports them."""
    rates = (event.logged("train_steps_per_second") for event in checkpoints.events_since_begin(run.adapter_dir))
    return next(rate for rate in rates if rate is not None)


def timed(run: Run, *, by_hand: bool) -> tuple[float, float]:
    """Seconds from start to end, and steps a second, of a training from nothing."""
    shutil.rmtree(run.adapter_dir, ignore_errors=True)
    began = time.perf_counter()
    if by_hand:
        env = {**os.environ, **environments.environment_variables("train"), "PYTHONPATH": str(AXOLOTL_ENV_DIR)}
        words = launching.axolotl_command(recipes.load(run.name), None)
        subprocess.run(words, cwd=REPO_DIR, env=env, check=True, capture_output=True)
    else:
        engine.finish(run)
    return time.perf_counter() - began, pace(run)


def main() -> None:
    options = {"pairs": 5} | numbers(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VOICEWRIGHT_HOME"] = folder
        run = engine.begin("overhead", engine.SMALL)
        timed(run, by_hand=True)  # fills the dataset cache for both
        found: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        for _ in range(options["pairs"]):
            for by_hand in (True, False):
                found[by_hand].append(timed(run, by_hand=by_hand))
        for by_hand, name in ((True, "axolotl train"), (False, "voicewright.pipeline.worker train")):
            seconds, steps = zip(*found[by_hand], strict=True)
            print(f"{name}: {statistics.median(seconds):.1f} s, {statistics.median(steps):.2f} steps/s   {seconds}")
        costs = [launched[0] - plain[0] for plain, launched in zip(found[True], found[False], strict=True)]
        print(f"the launcher costs {statistics.median(costs):.2f} s (median of {len(costs)} pairs: {costs})")


if __name__ == "__main__":
    main()
