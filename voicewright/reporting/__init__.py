"""The pages a person reads, part by part."""

from pathlib import Path

TEMPLATES_DIR = Path(__file__).parent / "templates"
