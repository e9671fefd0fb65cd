"""Speed and memory of chunking: ours, semantic-text-splitter and semchunk on one text, one tokenizer, one bound.

    python -m tests.perf.chunking [FOLDER_OF_TEXTS] [words=1000000] [max_tokens=480] [tokenizer=models/tiny-base]

Needs requirements/perf.in. Each chunker runs in a process of its own and is timed without loading; the peak is that of
the process less what it held when the texts were read. Every chunk is counted again at the end, untimed.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from voicewright.core.paths import REPO_DIR
from voicewright.data import chunking, tokenizers
from voicewright.data.cleaned_text import sections
from voicewright.data.readers import markdown

MIN_TOKENS = 64
CHUNKERS = ("ours", "semantic-text-splitter", "semchunk")


def texts(folder: Path, words: int) -> list[str]:
    """Cleaned texts of about so many words in all."""
    found: list[str] = []
    left = words
    for path in sorted(folder.glob("*.txt")):
        if left <= 0:
            break
        kept = " ".join(path.read_text(encoding="utf-8-sig").split(" ")[: left + 1000])
        found.append(markdown.to_markdown(kept))
        left -= len(found[-1].split())
    return found


def ours(counter: tokenizers.TokenCounter, high: int) -> Callable[[str], list[str]]:
    def split(text: str) -> list[str]:
        found = chunking.chunk(text, sections(text), counter.count, MIN_TOKENS, high, counter.estimate)
        return [text[c.start : c.end] for chapter in found for c in chapter]

    return split


def semantic_text_splitter(counter: tokenizers.TokenCounter, high: int) -> Callable[[str], list[str]]:
    from semantic_text_splitter import MarkdownSplitter  # type: ignore[import-not-found, unused-ignore]

    splitter = MarkdownSplitter.from_huggingface_tokenizer(counter.tokenizer, (MIN_TOKENS, high), trim=False)
    return lambda text: list(splitter.chunks(text))


def semchunk(counter: tokenizers.TokenCounter, high: int) -> Callable[[str], list[str]]:
    import semchunk as library  # type: ignore[import-not-found, unused-ignore]

    chunker = library.chunkerify(lambda text: len(counter.tokenizer.encode(text, add_special_tokens=False)), high)
    return lambda text: list(chunker(text))


def run_one(name: str, folder: Path, words: int, high: int, tokenizer: str) -> dict[str, Any]:
    """Time one chunker in this process."""
    counter = tokenizers.load(tokenizer)
    split = {"ours": ours, "semantic-text-splitter": semantic_text_splitter, "semchunk": semchunk}[name](counter, high)
    found = texts(folder, words)
    split("One sentence to load everything. And another.")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, began_cpu = time.perf_counter(), time.process_time()
    pieces = [piece for text in found for piece in split(text)]
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts = counter.count(pieces)
    total = sum(len(text.split()) for text in found)
    return {
        "chunker": name,
        "words": total,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "words_per_second": total / seconds,
        "peak_mb": (peak - before) / 1024,
        "chunks": len(pieces),
        "over": sum(count > high for count in counts),
        "under": sum(count < MIN_TOKENS for count in counts),
        "mean_tokens": sum(counts) / len(counts),
        "lossless": "".join(pieces) == "".join(found),
    }


def main() -> None:
    options = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    named = [word for word in sys.argv[1:] if "=" not in word]
    folder = Path(named[0]) if named else REPO_DIR.parent / "shared/data/novels"
    words, high = int(options.get("words", 1_000_000)), int(options.get("max_tokens", 480))
    tokenizer = options.get("tokenizer", "models/tiny-base")
    if "chunker" in options:
        print(json.dumps(run_one(options["chunker"], folder, words, high, tokenizer)))
        return
    heads = ("words/s", "words/CPU s", "peak MB", "chunks", "over", "under", "mean")
    print(f"{'chunker':24}" + "".join(f"{head:>12}" for head in heads) + "  lossless")
    for name in CHUNKERS:
        child = [sys.executable, "-m", "tests.perf.chunking", *sys.argv[1:], f"chunker={name}"]
        done = subprocess.run(child, capture_output=True, text=True, cwd=REPO_DIR)
        if done.returncode:
            print(f"{name:24} failed: {done.stderr.strip().splitlines()[-1]}")
            continue
        r = json.loads(done.stdout)
        rates = (r["words_per_second"], r["words"] / r["cpu_seconds"])
        figures = (*rates, r["peak_mb"], r["chunks"], r["over"], r["under"], r["mean_tokens"])
        print(f"{name:24}{''.join(f'{figure:12,.0f}' for figure in figures)}  {'yes' if r['lossless'] else 'no'}")


if __name__ == "__main__":
    main()
