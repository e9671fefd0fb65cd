"""`voicewright imposters` by another name."""

from voicewright.cli.main import script

script("imposters")
