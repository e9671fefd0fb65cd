"""Kill a run in every stage, by kill -9 and by Ctrl-C, and see that it finishes and does nothing twice.

    python -m tests.perf.kill_everywhere [seed] [folder of an earlier call, to go on in]

About 15 minutes on two cores. Prints a line a kill, then what was found.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.test_kills import SMALL, Attempt
from tests.test_whole_path import free_ports
from voicewright.core.documents.manifest import read_manifest
from voicewright.core.paths import Run
from voicewright.core.records import read_json, read_rows
from voicewright.pipeline.stages import STAGES
from voicewright.recipe import recipes

# How far into a stage the signal comes, in seconds: within the time that it takes here.
WITHIN_S = {"baseline": 40.0, "train": 25.0, "merge": 20.0, "generate": 40.0}


def finished_stages() -> set[str]:
    """The stages whose entry and outputs are there."""
    run = Run("killed")
    if not run.recipe_path.exists():
        return set()
    manifest, recipe = read_manifest(run), recipes.load("killed")
    return {s.name for s in STAGES if s.name in manifest and all(path.exists() for path in s.outputs(run, recipe))}


def main() -> None:
    drawn = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    home = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="kills-"))
    os.environ["VOICEWRIGHT_HOME"] = str(home)
    print(home, flush=True)
    baseline, finetuned = free_ports(2)
    ports = f" serve.baseline_port={baseline} serve.finetuned_port={finetuned}"
    run_dir = home / "runs" / "killed"
    env = {**os.environ, "RUN": "killed", "SET": "" if run_dir.exists() else SMALL + ports}
    done = finished_stages()
    kills = 0
    for stage in STAGES:
        if stage.name in done and stage.name in WITHIN_S:
            continue
        for number in (signal.SIGKILL, signal.SIGINT):
            if stage.name in done and stage.name not in WITHIN_S:
                # It was too quick for the last signal: an output that is lost makes it run again.
                lost = stage.outputs(Run("killed"), recipes.load("killed"))[0]
                shutil.rmtree(lost) if lost.is_dir() else lost.unlink(missing_ok=True)
                done.discard(stage.name)
            attempt = Attempt(env, home / f"{stage.name}-{number.name}.log")
            moment = drawn.uniform(0.0, WITHIN_S.get(stage.name, 0.6))
            while f"--- {stage.name}" not in attempt.said() and attempt.process.poll() is None:
                time.sleep(0.02)
            time.sleep(moment)
            ended = attempt.process.poll() is not None
            attempt.kill(number)
            later = {after.name for after in STAGES[STAGES.index(stage) :]}
            redone = [name for name in done - later if f"--- {name} " in attempt.said()]
            assert not redone, f"{redone} done again after {stage.name} was killed"
            done = finished_stages()
            kills += not ended
            print(
                f"{stage.name:9} {number.name:8} after {moment:4.1f} s{' (it had ended)' if ended else ''}", flush=True
            )
            if ended:
                break
    last = Attempt(env, home / "last.log")
    assert last.process.wait() == 0, last.said()[-3000:]
    for arm in ("baseline", "prompted", "finetuned"):
        ids = [row["id"] for row in read_rows(run_dir / "generations" / f"{arm}.jsonl")]
        assert len(ids) == len(set(ids)) > 0, arm
    events = list(read_rows(run_dir / "adapter" / "events.jsonl"))
    assert max(row.get("step", 0) for row in events) == 24
    decision = read_json(run_dir / "decision.json")["decision"]
    print(f"{kills} kills in {len(STAGES)} stages; finished: {decision}; no stage and no generation was done twice")


if __name__ == "__main__":
    main()
