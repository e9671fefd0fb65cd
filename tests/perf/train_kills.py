"""Kill one run at random moments, then interrupt it, and see that it ends as it should.

python -m tests.perf.train_kills [kills=10] [stops=3] [steps=400] [seed=0]

Every signal must find the training at work: a machine so fast that it was over before needs more steps.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time

from tests.perf.numbers import numbers
from tests.training import engine
from voicewright.core.paths import Run
from voicewright.training import checkpoints


def hit(run: Run, number: signal.Signals, after_s: float, steps: int) -> None:
    """Start the launcher and send it a signal after a while."""
    launcher = engine.launch(run)
    time.sleep(after_s)
    assert launcher.poll() is None, "the training was over before it was hit: more steps="
    launcher.send_signal(number)
    launcher.communicate(timeout=engine.PATIENCE_S)
    assert not checkpoints.is_finished(run) or steps_taken(run) == steps, "done was claimed too early"


def steps_taken(run: Run) -> int:
    end = checkpoints.end_event(run.adapter_dir)
    return end.step if end else 0


def main() -> None:
    options = {"kills": 10, "stops": 3, "steps": 400, "seed": 0} | numbers(sys.argv[1:])
    kills, stops, steps, seed = (options[key] for key in ("kills", "stops", "steps", "seed"))
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VOICEWRIGHT_HOME"] = folder
        usual = [word for word in engine.SMALL if not word.startswith(("axolotl.max_steps", "axolotl.save_steps"))]
        run = engine.begin("kills", [*usual, f"axolotl.max_steps={steps}", "axolotl.save_steps=5"])
        for number in [signal.SIGKILL] * kills + [signal.SIGINT] * stops:
            after_s = chance.uniform(2, 25)
            hit(run, number, after_s, steps)
            print(f"{number.name} after {after_s:.0f} s; saved {engine.saved_steps(run)[-1:]}", flush=True)
        print(engine.finish(run).splitlines()[-2:])
        assert checkpoints.is_finished(run) and steps_taken(run) == steps
        assert sorted(engine.last_losses(run)) == list(range(1, steps + 1))
        print(f"finished with {steps} steps, each of them logged")


if __name__ == "__main__":
    main()
