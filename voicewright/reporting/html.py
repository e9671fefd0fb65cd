"""A page as one HTML file: no script, no network, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from voicewright.reporting import TEMPLATES_DIR
from voicewright.reporting.blocks import Section

# Words that may be seen before they are read.
TONES = {"met": "good", "better": "good", "not worse": "good", "missed": "bad", "worse": "bad"}


def render(
    title: str,
    headline: str,
    under: str,
    sections: Sequence[Section],
    *,
    foot: str,
    stamp: str = "",
    good: bool = False,
) -> str:
    """The page; a `stamp` stands over the headline, in the colour of what is `good`; `under`, `foot`: small print."""
    engine = Environment(loader=FileSystemLoader(TEMPLATES_DIR), autoescape=True, undefined=StrictUndefined)
    style = (TEMPLATES_DIR / "page.css").read_text(encoding="utf-8")
    return engine.get_template("page.html.j2").render(
        title=title,
        stamp=stamp,
        good=good,
        headline=headline,
        under=under,
        sections=sections,
        foot=foot,
        tones=TONES,
        style=Markup(style),  # noqa: S704 (our own file)
    )
