from __future__ import annotations

import json

import pytest

from voicewright.recipe import upstream
from voicewright.recipe.validation import upstream_keys

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("name", list(upstream.SCRIPTS))
def test_the_committed_keys_are_those_of_the_pinned_version(name: str) -> None:
    assert json.loads(upstream.exported(name)) == upstream_keys(name)
