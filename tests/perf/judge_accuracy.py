"""How often the built-in judge is right on real novelists: python tests/perf/judge_accuracy.py FOLDER [splits=4]

FOLDER holds novels named Author_Title_Year.txt. In each split 12 authors are tested and the judge's style space is
fitted on the others, so no tested author is known to it. The profile is 20,000 words of an author's other novels; the
two passages are one from the author's unseen novel and one from another tested author. The author is the unit of the
interval.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from pathlib import Path

from voicewright.stats.intervals import clustered_rate
from voicewright.stylometry import corpus, imposters
from voicewright.stylometry.profile import StyleProfile

SIZES = (200, 500)
TESTED = 12
PASSAGES = 12
REFERENCE_WORDS = 20_000


def cut(text: str, size: int, draw: random.Random) -> str:
    """A passage of `size` words from anywhere but the ends."""
    words = text.split(" ")
    start = draw.randrange(size, len(words) - 2 * size)
    return " ".join(words[start : start + size])


def main() -> None:
    folder, splits = Path(sys.argv[1]), int(dict(word.split("=") for word in sys.argv[2:]).get("splits", 4))
    works = corpus.read_works(folder)
    by_author: dict[str, list[corpus.Work]] = defaultdict(list)
    for work in works:
        by_author[work.author].append(work)
    scores: dict[int, dict[str, list[float]]] = {size: defaultdict(list) for size in SIZES}
    for split in range(splits):
        draw = random.Random(split)
        tested = draw.sample(sorted(by_author), TESTED)
        space = imposters.fit_space([work for work in works if work.author not in tested])
        for author in tested:
            unseen = draw.choice(by_author[author])
            known = " ".join(work.text for work in by_author[author] if work is not unseen).split(" ")
            start = draw.randrange(max(1, len(known) - REFERENCE_WORDS))
            judge = StyleProfile.from_texts([" ".join(known[start : start + REFERENCE_WORDS])], space)
            for size in SIZES:
                for _ in range(PASSAGES):
                    other = draw.choice([name for name in tested if name != author])
                    pair = cut(unseen.text, size, draw), cut(draw.choice(by_author[other]).text, size, draw)
                    scores[size][author].append({"x": 1.0, "tie": 0.5, "y": 0.0}[judge.closer(*pair)])
        print(f"split {split + 1} of {splits}: " + ", ".join(
            f"{size} words {sum(map(sum, scores[size].values())) / sum(map(len, scores[size].values())):.3f}"
            for size in SIZES), flush=True)  # fmt: skip
    for size in SIZES:
        found = clustered_rate([sum(values) / len(values) for values in scores[size].values()])
        print(f"{size} words: {found.value:.3f} ({found.low:.3f} to {found.high:.3f}) over {found.n_prompts} authors")


if __name__ == "__main__":
    main()
