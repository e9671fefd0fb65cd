from __future__ import annotations

import pytest

from voicewright.core.errors import UserError
from voicewright.core.paths import Run


@pytest.mark.parametrize(
    "name", ["..", ".", ".hidden", "", "/etc", "a/b", "../demo", "-rf", "a b", "a\nb", "$HOME", "a" * 201]
)
def test_what_is_no_plain_name_is_no_run(name: str) -> None:
    with pytest.raises(UserError, match="expected letters, digits"):
        Run(name)


@pytest.mark.parametrize("name", ["demo", "visions-axolotl.lora_r_32", "größe", "_x", "2nd"])
def test_a_plain_name_is_a_run(name: str) -> None:
    assert Run(name).dir.name == name
