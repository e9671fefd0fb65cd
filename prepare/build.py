"""`voicewright prepare` by another name."""

from voicewright.cli.main import script

script("prepare")
