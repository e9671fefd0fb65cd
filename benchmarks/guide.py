"""`voicewright guide` by another name."""

from voicewright.cli.main import script

script("guide")
