"""What is in a file but is not the writer's: Project Gutenberg's header, credits and licence."""

from __future__ import annotations

import re

_START = re.compile(r"\*\*\*\s*START OF (?:THE|THIS) PROJECT GUTENBERG EBOOK.*?\*\*\*", re.IGNORECASE | re.DOTALL)
_END = re.compile(
    r"^[#* ]*(?:\*\*\*\s*END OF (?:THE|THIS) PROJECT GUTENBERG EBOOK"
    r"|End of (?:the |this )?Project Gutenberg(?:'s|’s)?\b"
    r"|\*\*\*\s*START: FULL LICENSE)",
    re.IGNORECASE | re.MULTILINE,
)
_CREDITS = re.compile(
    r"\A\s*(?:(?:Produced|E-?text prepared|Transcribed|This ebook was produced) (?:by|from)\b.*?"
    r"|Proofreading Team\b.*?|\[Transcriber['’]s Note.*?|\[?Illustration.*?)\n\n",
    re.IGNORECASE | re.DOTALL,
)


def without_gutenberg(text: str) -> tuple[str, int]:
    """A cleaned text without Project Gutenberg's additions, and how many words those had."""
    start = _START.search(text[:40_000])
    if not start and not _END.search(text):
        return text, 0
    kept = text[start.end() :].lstrip() if start else text
    end = _END.search(kept)
    if end:
        kept = kept[: end.start()].rstrip("\n* #") + "\n"
    while credits := _CREDITS.match(kept):
        kept = kept[credits.end() :].lstrip()
    return kept, len(text.split()) - len(kept.split())
