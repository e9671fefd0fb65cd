"""`voicewright compare` by another name."""

from voicewright.cli.main import script

script("compare")
