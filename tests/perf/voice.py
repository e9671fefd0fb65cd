"""How long the voice report takes: `python -m tests.perf.voice [generations] [manuscript words]`. Not a test."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time

from tests.prose import Habits, prose
from voicewright.core.paths import Run
from voicewright.core.records import write_rows
from voicewright.metrics import memorization
from voicewright.metrics.voice_report import voice_report
from voicewright.recipe.schema import Eval


def main() -> None:
    """A made-up run of three arms, timed; and an index of a million words."""
    generations, words = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 300), (2, 100_000)))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VOICEWRIGHT_HOME"] = folder
        run, you = Run("perf"), Habits(subjects=("you", "it"), clauses=3)
        for split, count in (("train", words), ("heldout", words // 10)):
            write_rows(
                run.rows_path("completion", split),
                [
                    {
                        "id": f"{split}{i}",
                        "source": f"{split}:{i}",
                        "work": "w",
                        "section": f"{split}{i}",
                        "tokens": 1300,
                        "text": prose(1000, 7 * i + len(split), you),
                    }
                    for i in range(count // 1000)
                ],
            )
        for arm in ("baseline", "finetuned", "prompted"):
            write_rows(
                run.generations_path(arm),
                [
                    {
                        "id": f"{arm}{i}",
                        "arm": arm,
                        "prompt_id": f"p{i // 2}",
                        "domain": "narrative",
                        "sample": i % 2,
                        "prompt": "Go on.",
                        "text": prose(500, 90_000 + i, you if arm == "finetuned" else None),
                        "error": None,
                    }
                    for i in range(generations // 3)
                ],
            )
        started, cpu = time.monotonic(), time.process_time()
        voice_report(run, Eval(bootstrap=2000, seed=1))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"voice: {generations} generations against {words} words: {time.monotonic() - started:.1f} s, "
            f"CPU {time.process_time() - cpu:.1f} s, {memory:.0f} MB"
        )
        texts = [prose(1000, i, you) for i in range(1000)]
        started = time.monotonic()
        memorization.build_index(texts, [str(i) for i in range(1000)])
        print(f"copying: an index of a million words: {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
