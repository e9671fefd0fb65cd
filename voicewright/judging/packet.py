"""The readers' packet: one page with pairs to judge, that holds no identity and needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from voicewright.core.records import Row, content_id
from voicewright.reporting import TEMPLATES_DIR

QUESTIONS = {
    "voice": "Which text is more likely the author’s?",
    "quality": "Whoever wrote them: which text is better written?",
}
# What a reader is shown of a pair; everything else about it stays here.
SHOWN = ("id", "prompt", "x", "y", "references")
WORDS_A_MINUTE = 220


def contents(pairs: Sequence[Row]) -> dict[str, Any]:
    """What the page holds: the pairs as shown, the questions, and the packet's id, a hash of both."""
    shown = [
        {"prompt": "", "references": [], **{field: pair[field] for field in SHOWN if field in pair}} for pair in pairs
    ]
    asked = ["voice", "quality"] if all(pair["references"] for pair in shown) else ["quality"]
    # The file's own order would be the order of the run; by id it is nobody's.
    shown.sort(key=lambda pair: str(pair["id"]))
    questions = [{"name": name, "text": QUESTIONS[name]} for name in asked]
    return {"id": content_id([shown, questions], 24), "pairs": shown, "questions": questions}


def page(packet: dict[str, Any]) -> str:
    """The packet as one HTML file. Style and script are admitted by their hash, so nothing else on the page can run."""
    style = (TEMPLATES_DIR / "packet.css").read_text(encoding="utf-8")
    script = (TEMPLATES_DIR / "packet.js").read_text(encoding="utf-8")
    words = sum(len(" ".join([p["x"], p["y"], p["prompt"], *p["references"][:1]]).split()) for p in packet["pairs"])
    engine = Environment(loader=FileSystemLoader(TEMPLATES_DIR), autoescape=True, undefined=StrictUndefined)
    return engine.get_template("packet.html.j2").render(
        style=Markup(style),  # noqa: S704 (our own file)
        script=Markup(script),  # noqa: S704
        style_sha=_sha(style),
        script_sha=_sha(script),
        packet=Markup(_inert(packet)),  # noqa: S704 (escaped by _inert)
        n_pairs=len(packet["pairs"]),
        n_questions=len(packet["questions"]),
        asks_voice=packet["questions"][0]["name"] == "voice",
        minutes=max(5, round(words / WORDS_A_MINUTE / 5) * 5),
    )


def _sha(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inert(value: Any) -> str:
    """JSON that cannot end the element it stands in, whatever the texts say."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
