"""`voicewright preferences` by another name."""

from voicewright.cli.main import script

script("preferences")
