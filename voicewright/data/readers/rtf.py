"""Rich text: striprtf reads the words; italics are marked beforehand, because it drops them."""

from __future__ import annotations

import re
from pathlib import Path

from striprtf import striprtf

from voicewright.data.errors import Unreadable, others_wrote_it
from voicewright.data.plain_text import paragraphs as of_lines

# Private-use characters that no manuscript holds: italics begin, italics end.
_OPEN, _CLOSE = "\ue0f0", "\ue0f1"
_TOKEN = re.compile(r"\\([a-z]+)(-?\d+)? ?|\\([^a-z])|[{}]|[^\\{}\r\n]+")


def reads(path: Path, head: bytes) -> bool:  # noqa: ARG001
    return head.startswith(b"{\\rtf")


def paragraphs(path: Path) -> list[str]:
    """The paragraphs of an .rtf, in Markdown. Raises Unreadable."""
    source = path.read_bytes().decode("latin-1")
    if source.count("}") < source.count("{"):
        raise Unreadable("is cut off: its groups are not all closed; save it again from the program that wrote it")
    with others_wrote_it():
        text = str(striprtf.rtf_to_text(_mark_italics(source), errors="replace"))  # type: ignore[no-untyped-call]
    text = re.sub(rf"{_OPEN}(\s*){_CLOSE}", r"\1", text)
    text = re.sub(rf"{_OPEN}(\s*)([^{_CLOSE}]*?)(\s*){_CLOSE}", r"\1*\2*\3", text, flags=re.DOTALL)
    text = text.replace(_OPEN, "").replace(_CLOSE, "")
    # One paragraph a line is what \par means; several blank lines are layout.
    return of_lines([line.strip() for line in text.replace("\n", "\n\n").split("\n")])


def _mark_italics(source: str) -> str:
    """Put marks where `\\i` begins and ends, group by group."""
    opened, closed = f"\\u{ord(_OPEN) - 65536}?", f"\\u{ord(_CLOSE) - 65536}?"
    out: list[str] = []
    stack: list[bool] = []
    italic = False
    for token in _TOKEN.finditer(source):
        text, word, value = token[0], token[1], token[2]
        wanted = italic
        if text == "{":
            stack.append(italic)
        elif text == "}":
            wanted = stack.pop() if stack else False
        elif word in ("i", "plain"):
            wanted = word == "i" and value != "0"
        if italic and not wanted:
            out.append(closed)
        out.append(text)
        if wanted and not italic:
            out.append(opened)
        italic = wanted
    return "".join(out)
