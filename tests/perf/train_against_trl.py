"""TRL's SFTTrainer on the same rows, model and budget: steps a second and final evaluation loss beside Axolotl's.

python -m tests.perf.train_against_trl [steps=40]
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from tests.train import engine
from train import checkpoints
from voicewright import command, environments
from voicewright.layout import REPO_DIR, Run

TRL = Path(__file__).parent / "inside" / "trl_sft.py"


def main() -> None:
    _, options = command.parse(__doc__, {"steps": "40"}, name=None)
    steps = options["steps"] or "40"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VOICEWRIGHT_HOME"] = folder
        words = [
            w
            for w in engine.SMALL
            if not w.startswith(("axolotl.max_steps", "axolotl.save_steps", "axolotl.eval_steps"))
        ]
        words += [f"axolotl.max_steps={steps}", f"axolotl.save_steps={steps}", f"axolotl.eval_steps={steps}"]
        run: Run = engine.begin("axolotl", words, rows=100)
        began = time.perf_counter()
        engine.finish(run)
        rows = checkpoints.since_begin(run.adapter_dir)
        pace = next(row["train_steps_per_second"] for row in rows if "train_steps_per_second" in row)
        print(f"{'':16}{'steps/s':>10}{'eval loss':>12}{'seconds':>10}")
        seconds = time.perf_counter() - began
        print(f"{'voicewright':16}{pace:>10.2f}{engine.final_eval(run):>12.4f}{seconds:>10.1f}", flush=True)

        began = time.perf_counter()
        result = subprocess.run(
            [environments.python("train"), TRL, run.axolotl_path, run.rows_path("completion", "train"),
             run.rows_path("completion", "val"), Path(folder) / "trl"],
            cwd=REPO_DIR, env={**os.environ, **environments.environment_variables("train")},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        said = json.loads(next(line[7:] for line in result.stdout.splitlines() if line.startswith("RESULT ")))
        seconds = time.perf_counter() - began
        print(f"{'TRL SFTTrainer':16}{said['steps_per_second']:>10.2f}{said['eval_loss']:>12.4f}{seconds:>10.1f}")


if __name__ == "__main__":
    main()
