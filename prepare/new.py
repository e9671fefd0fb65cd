"""`voicewright new` by another name."""

from voicewright.cli.main import script

script("new")
