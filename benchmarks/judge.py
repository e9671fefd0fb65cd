"""`voicewright judge` by another name."""

from voicewright.cli.main import script

script("judge")
