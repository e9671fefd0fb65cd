"""One unit for sizes."""

from __future__ import annotations

import re

from voicewright.core.paths import PACKAGE_DIR
from voicewright.core.units import GB


def test_a_gb_is_two_to_the_thirtieth_bytes() -> None:
    assert GB == 2**30


def test_no_other_module_defines_a_gb() -> None:
    definition = re.compile(r"2\*\*30|\b1e9\b|10\*\*9|1024\*\*3|1_000_000_000")
    others = [
        path.name
        for path in PACKAGE_DIR.rglob("*.py")
        if path.name != "units.py"
        and not path.parent.name.endswith("_env")  # imports nothing of ours
        and definition.search(path.read_text(encoding="utf-8"))
    ]
    assert others == []
