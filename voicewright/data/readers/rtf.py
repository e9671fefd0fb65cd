"""Rich text: striprtf reads the words; italics are marked beforehand, because it drops them."""

from __future__ import annotations

import re
from pathlib import Path

from striprtf import striprtf

from voicewright.data.errors import Unreadable, parsing_foreign_data
from voicewright.data.readers import markdown
from voicewright.data.readers.markdown import Prose

# Private-use characters that no manuscript holds: italics begin, italics end.
_OPEN, _CLOSE = "\ue0f0", "\ue0f1"
_TOKEN = re.compile(r"\\([a-z]+)(-?\d+)? ?|\\([^a-z])|[{}]|[^\\{}\r\n]+")


def reads(path: Path, head: bytes) -> bool:  # noqa: ARG001
    return head.startswith(b"{\\rtf")


def read(path: Path) -> Prose:
    """The text of an .rtf. Raises Unreadable."""
    source = path.read_bytes().decode("latin-1")
    if source.count("}") < source.count("{"):
        raise Unreadable("is cut off: its groups are not all closed; save it again from the program that wrote it")
    with parsing_foreign_data():
        text = str(striprtf.rtf_to_text(_mark_italics(source), errors="replace"))  # type: ignore[no-untyped-call]
    text = re.sub(rf"{_OPEN}(\s*){_CLOSE}", r"\1", text)
    text = re.sub(rf"{_OPEN}(\s*)([^{_CLOSE}]*?)(\s*){_CLOSE}", r"\1*\2*\3", text, flags=re.DOTALL)
    text = text.replace(_OPEN, "").replace(_CLOSE, "")
    # One paragraph a line is what \par means; several blank lines are layout.
    return Prose(markdown.paragraphs([line.strip() for line in text.replace("\n", "\n\n").split("\n")]))


def _mark_italics(source: str) -> str:
    """Put marks where `\\i` begins and ends, group by group."""
    opened, closed = f"\\u{ord(_OPEN) - 65536}?", f"\\u{ord(_CLOSE) - 65536}?"
    out: list[str] = []
    stack: list[bool] = []
    italic = False
    for token in _TOKEN.finditer(source):
        text, word, value = token[0], token[1], token[2]
        styled = italic
        if text == "{":
            stack.append(italic)
        elif text == "}":
            styled = stack.pop() if stack else False
        elif word in ("i", "plain"):
            styled = word == "i" and value != "0"
        if italic and not styled:
            out.append(closed)
        out.append(text)
        if styled and not italic:
            out.append(opened)
        italic = styled
    return "".join(out)
