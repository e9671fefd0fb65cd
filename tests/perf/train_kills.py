"""Kill one run at random moments, then interrupt it, and see that it ends as it should.

python -m tests.perf.train_kills [kills=10] [stops=3] [seed=0]
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time

from tests.train import engine
from train import checkpoints, resume
from voicewright import command
from voicewright.layout import Run


def hit(run: Run, number: signal.Signals, after_s: float) -> bool:
    """Start the launcher and send it a signal after a while; whether it was still running then."""
    launcher = engine.launch(run)
    time.sleep(after_s)
    was_running = launcher.poll() is None
    launcher.send_signal(number)
    launcher.communicate(timeout=engine.PATIENCE_S)
    assert not (was_running and resume.is_finished(run)) or steps_taken(run) == 40, "done was claimed too early"
    return was_running


def steps_taken(run: Run) -> int:
    end = checkpoints.ending(run.adapter_dir)
    return int(end["step"]) if end else 0


def main() -> None:
    _, options = command.parse(__doc__, {"kills": "10", "stops": "3", "seed": "0"}, name=None)
    chance = random.Random(int(options["seed"] or 0))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VOICEWRIGHT_HOME"] = folder
        steps = [word for word in engine.SMALL if "max_steps" not in word]
        run = engine.begin("kills", [*steps, "axolotl.max_steps=40"])
        for number, count in ((signal.SIGKILL, options["kills"]), (signal.SIGINT, options["stops"])):
            for _ in range(int(count or 0)):
                after_s = chance.uniform(2, 45)
                running = hit(run, number, after_s)
                print(
                    f"{number.name} after {after_s:.0f} s (running: {running}); saved {engine.saved_steps(run)}",
                    flush=True,
                )
        print(engine.finish(run).splitlines()[-2:])
        assert resume.is_finished(run) and steps_taken(run) == 40
        assert sorted(engine.last_losses(run)) == list(range(1, 41))
        print("finished with 40 steps, each of them logged")


if __name__ == "__main__":
    main()
