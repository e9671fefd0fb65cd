"""`voicewright stop` by another name."""

from voicewright.cli.main import script

script("stop")
