"""`voicewright base` by another name."""

from voicewright.cli.main import script

script("base")
