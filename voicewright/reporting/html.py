"""Sections as one HTML file: no script, no network, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from voicewright.reporting.blocks import Section

TEMPLATES_DIR = Path(__file__).parent / "templates"
# Outcomes that have a colour.
TONES = {"met": "good", "better": "good", "not worse": "good", "missed": "bad", "worse": "bad"}


def render(
    title: str,
    headline: str,
    subtitle: str,
    sections: Sequence[Section],
    *,
    footer: str,
    stamp: str = "",
    good: bool = False,
) -> str:
    """The page; a `stamp` stands above the headline, coloured by whether it is `good`."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES_DIR), autoescape=True, undefined=StrictUndefined)
    style = (TEMPLATES_DIR / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        title=title,
        stamp=stamp,
        good=good,
        headline=headline,
        subtitle=subtitle,
        sections=sections,
        footer=footer,
        tones=TONES,
        style=Markup(style),  # noqa: S704 (our own file)
    )
