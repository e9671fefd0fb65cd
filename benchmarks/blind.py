"""`voicewright blind` by another name."""

from voicewright.cli.main import script

script("blind")
